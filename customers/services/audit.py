from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet

from customers.bulk import insert_from
from customers.models import Event, EventRow, Job, User

_at_work: ContextVar[Job | None] = ContextVar("the bulk action at work", default=None)


@contextmanager
def one_event(job: Job) -> Iterator[None]:
    """What is recorded meanwhile, in whichever of its stretches, is one event of the job for each verb."""
    before = _at_work.set(job)
    try:
        yield
    finally:
        _at_work.reset(before)


def record(
    verb: str,
    rows: QuerySet[Any],
    *,
    by: User | None,
    at: datetime,
    fields: Sequence[str] = (),
    reason: str = "",
    row_id: str = "pk",
) -> Event:
    """Write one audit event about `rows` (their `row_id` column), in the transaction of the change it tells of.

    `verb` is `noun.past_tense`, such as `ban.set`. Holds no values, only ids and field names. A further stretch of a
    bulk action adds its rows to the event of those before it.
    """
    job, model = _at_work.get(), rows.model._meta.label_lower
    event = Event.objects.filter(job=job, verb=verb).first() if job else None
    if event is None:
        event = Event.objects.create(at=at, by=by, verb=verb, fields=list(fields), reason=reason[:200], job=job)
    else:
        rows = rows.exclude(Exists(EventRow.objects.filter(event=event, model=model, row_id=OuterRef(row_id))))
    insert_from(EventRow, rows, event=event, model=model, row_id=F(row_id))
    return event

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from customers.bulk import insert_from
from customers.models import Event, EventRow, User


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

    `verb` is `noun.past_tense`, such as `ban.set`. Holds no values, only ids and field names.
    """
    event = Event.objects.create(at=at, by=by, verb=verb, fields=list(fields), reason=reason[:200])
    insert_from(EventRow, rows, event=event, model=rows.model._meta.label_lower, row_id=F(row_id))
    return event

"""One timeline of all that happened with a customer, the newest first, by pages.

What a page holds is one UNION over the sources; each contributes no more rows than a page has, by its own index. The
entries are then fetched by their ids, one query for each source that occurs on the page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F, IntegerField, Q, QuerySet, Value

from customers.models import Customer
from customers.parts import TimelineEntry, TimelineSource, Viewer, parts

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PAGE = 25
LARGEST_ID = 2**63 - 1


class BadCursor(ValueError):
    """The text is no cursor of a timeline."""


@dataclass(frozen=True)
class Cursor:
    """A place in a timeline: after the entry of this time, source and id. Rows that come in meanwhile shift nothing."""

    at: datetime
    source: str
    id: int

    def __str__(self) -> str:
        text = f"{self.at.isoformat()} {self.source} {self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises BadCursor."""
        try:
            at, source, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
            cursor = cls(at=datetime.fromisoformat(at), source=source, id=int(number))
        except (ValueError, binascii.Error) as error:
            raise BadCursor(text) from error
        if str(cursor) != text or cursor.at.tzinfo is None or source not in _sources() or cursor.id > LARGEST_ID:
            raise BadCursor(text)
        return cursor


@dataclass(frozen=True)
class Line:
    """An entry in its place."""

    at: datetime
    source: TimelineSource
    id: int
    entry: TimelineEntry


@dataclass(frozen=True)
class Page:
    """Some lines of a timeline, and where the older ones begin: None where there are none."""

    lines: list[Line]
    older: Cursor | None


def timeline(
    customer: Customer,
    *,
    viewer: Viewer,
    at: datetime,
    kinds: Collection[str] = (),
    after: Cursor | None = None,
    count: int = PAGE,
) -> Page:
    """The next `count` entries that the viewer may see, of these kinds or of all, after that place."""
    sources = [source for source in _visible(viewer) if not kinds or source.kind in kinds]
    arms = [_arm(source, customer, viewer=viewer, at=at, after=after, count=count + 1) for source in sources]
    found = _newest(arms, count + 1)
    shown = _entries(found[:count])
    by_name = _sources()
    lines = [Line(at=when, source=by_name[name], id=pk, entry=shown[name][pk]) for when, name, pk in found[:count]]
    last = lines[-1] if len(found) > count else None
    return Page(lines=lines, older=Cursor(at=last.at, source=last.source.name, id=last.id) if last else None)


def kinds_for(viewer: Viewer) -> dict[str, StrOrPromise]:
    """The kinds of entries that the viewer may see, with what they are called."""
    return {source.kind: source.label for source in _visible(viewer)}


def _visible(viewer: Viewer) -> list[TimelineSource]:
    return [source for source in parts.timeline if viewer.may_see(source.permission, source.scope)]


def _sources() -> dict[str, TimelineSource]:
    return {source.name: source for source in parts.timeline}


def _ranks() -> dict[str, int]:
    """The order of entries of one moment: a number, because databases sort names differently."""
    return {name: rank for rank, name in enumerate(sorted(_sources()))}


def _arm(
    source: TimelineSource, customer: Customer, *, viewer: Viewer, at: datetime, after: Cursor | None, count: int
) -> QuerySet[Any]:
    """The newest rows of one source as time, rank and id."""
    rows, ranks = source.rows(customer, viewer, at), _ranks()
    older, rank = rows, ranks[source.name]
    if after is not None and rank < ranks[after.source]:
        older = rows.filter(timeline_at__lte=after.at)
    elif after is not None and rank > ranks[after.source]:
        older = rows.filter(timeline_at__lt=after.at)
    elif after is not None:
        # the first condition alone is what an index can serve
        older = rows.filter(timeline_at__lte=after.at).filter(Q(timeline_at__lt=after.at) | Q(pk__lt=after.id))
    newest = older.order_by("-timeline_at", "-pk").values("pk")[:count]
    # SQLite takes neither order nor limit in the parts of a UNION
    arm: QuerySet[Any] = rows.filter(pk__in=newest).order_by()
    arm = arm.annotate(timeline_rank=Value(rank, output_field=IntegerField()), timeline_id=F("pk"))
    return arm.values_list("timeline_at", "timeline_rank", "timeline_id")


def _newest(arms: list[QuerySet[Any]], count: int) -> list[tuple[datetime, str, int]]:
    if not arms:
        return []
    names = sorted(_sources())
    rows = arms[0].union(*arms[1:], all=True) if len(arms) > 1 else arms[0]
    rows = rows.order_by("-timeline_at", "-timeline_rank", "-timeline_id")[:count]
    return [(when, names[rank], pk) for when, rank, pk in rows]


def _entries(found: list[tuple[datetime, str, int]]) -> dict[str, Mapping[int, TimelineEntry]]:
    ids: dict[str, list[int]] = {}
    for _when, name, pk in found:
        ids.setdefault(name, []).append(pk)
    return {name: _sources()[name].show(pks) for name, pks in ids.items()}

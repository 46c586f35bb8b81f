"""The changes feed: a line for every ban that is set, told anew or lifted, in order of commit.

A source is told of buyers who have an account there, by these accounts. So a line is written as well when the accounts
of a banned buyer change: at once where the exclusive intake lock is held (a merge), else it is due and gets its number
a little later, under the lock: whoever changes accounts may be taking an order, and holds the lock shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max

from blocklist.models import Ban, BanChange, DueChange
from blocklist.signals import changes_noted
from customers import locks
from customers.bulk import insert_from, insert_rows
from customers.models import Account, Source

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from blocklist.models.change import BanChangeQuerySet

# As many digits as a number of a line may have.
LONGEST_CURSOR = 18


class BadCursor(Exception):
    """No feed of this shop gave out this cursor."""


@dataclass(frozen=True)
class Page:
    """Lines as they are told; `next` is the cursor to ask with the next time, also when nothing is left."""

    lines: list[dict[str, Any]]
    next: str
    has_more: bool


def read_feed(source: Source, *, cursor: str, size: int, at: datetime) -> Page:
    """The lines after the cursor (empty: all) that are for this source. What is due is numbered first.

    Raises BadCursor.
    """
    number_due(at=at)
    # Every line up to this one has committed; a later one may be written while the rows are read.
    latest = latest_number()
    after = _position(cursor, latest)
    lines = BanChange.objects.told_to(source).filter(pk__gt=after, pk__lte=latest).order_by("pk")
    numbers = list(lines.values_list("pk", flat=True)[: size + 1])
    has_more = len(numbers) > size
    told_lines = told(BanChange.objects.filter(pk__in=numbers[:size]), source=source)
    return Page(told_lines, next=str(numbers[size - 1] if has_more else latest), has_more=has_more)


def _position(cursor: str, latest: int) -> int:
    """A number beyond the last line is of another shop, or of this one before a backup was restored."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= LONGEST_CURSOR and int(cursor) <= latest):
        raise BadCursor
    return int(cursor)


def note_due(customers: Collection[int], *, source_id: int) -> None:
    """Remember that accounts of these customers (ids) in the source have changed, in the transaction of the change.

    Whether one of them is banned is asked when it is numbered: now a ban may be about to commit.
    """
    insert_rows(DueChange, [DueChange(customer_id=pk, source_id=source_id) for pk in sorted(customers)])


def number_due(*, at: datetime) -> None:
    """Write the lines that are due, in short transactions under the exclusive intake lock. Repeating is safe."""
    while DueChange.objects.exists():
        with transaction.atomic():
            locks.close_intake()
            found = dict(DueChange.objects.order_by("pk").values_list("pk", "source")[: settings.WRITE_BATCH])
            rows = DueChange.objects.filter(pk__in=list(found))
            for source in Source.objects.filter(pk__in=set(found.values())).order_by("pk"):
                bans = Ban.objects.standing(at).filter(customer__in=rows.filter(source=source).values("customer"))
                note_changes(bans, BanChange.Kind.CHANGED, at=at, source=source)
            rows.delete()


def latest_number() -> int:
    """The number of the last line, whoever is told it."""
    return BanChange.objects.aggregate(latest=Max("pk"))["latest"] or 0


def note_changes(bans: BanQuerySet, kind: BanChange.Kind, *, at: datetime, source: Source | None = None) -> int:
    """Write a line for each of the bans; return how many. Under the exclusive intake lock, which the caller holds.

    With a `source` it is news for that one only.
    """
    latest = latest_number()
    count = insert_from(BanChange, bans, kind=kind, ban=F("pk"), until=F("until"), at=at, source=source)
    if count:
        # under the lock nobody else writes lines
        changes_noted.send(sender=BanChange, lines=BanChange.objects.filter(pk__gt=latest), at=at)
    return count


def told(lines: BanChangeQuerySet, *, source: Source) -> list[dict[str, Any]]:
    """What each line says to a source, in order: of a buyer only how that source itself knows him, and no reasons."""
    columns = ("pk", "kind", "ban_id", "ban__customer_id", "until", "at")
    rows = list(lines.order_by("pk").values_list(*columns))
    accounts = _accounts({row[3] for row in rows}, source=source)
    return [
        {
            "number": number,
            "cursor": str(number),
            "kind": kind,
            "ban_id": ban,
            "customer_id": customer,
            "accounts": accounts.get(customer, []),
            "until": until and until.isoformat(),
            "at": at.isoformat(),
        }
        for number, kind, ban, customer, until, at in rows
    ]


def _accounts(customers: set[int], *, source: Source) -> Mapping[int, Sequence[Mapping[str, str]]]:
    found: dict[int, list[Mapping[str, str]]] = defaultdict(list)
    # by customer: SQLite would take the index of the source
    accounts = Account.objects.filter(customer__in=customers).order_by("pk")
    for owner, where, number, nick in accounts.values_list("customer", "source", "external_id", "nick"):
        if where == source.pk:
            found[owner].append({"external_id": number, "nick": nick})
    return found

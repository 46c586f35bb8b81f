"""The changes feed: a line for every ban that is set, told anew or lifted, in order of commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F, Max

from blocklist.models import BanChange
from blocklist.signals import changes_noted
from customers.bulk import insert_from
from customers.models import Account, Source

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from blocklist.models.change import BanChangeQuerySet


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

"""How many bans were overturned on appeal, by type and by who banned."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from blocklist.models import Appeal, MaliciousType
from customers.models import User

# A share of fewer decisions than this says nothing about anybody.
FEWEST = 10


class Overturned(NamedTuple):
    """Decided appeals against the bans of one type, or of one person."""

    name: str
    decided: int
    overturned: int

    @property
    def share(self) -> int | None:
        """In percent; None where there are too few decisions for one."""
        return round(100 * self.overturned / self.decided) if self.decided >= FEWEST else None


def by_type(appeals: QuerySet[Appeal]) -> list[Overturned]:
    """In the order of the types, which ranks nobody; one query."""
    found = {type: (decided, overturned) for type, decided, overturned in _counted(appeals, "ban__type")}
    return [Overturned(str(type.label), *found[type.value]) for type in MaliciousType if type.value in found]


def by_person(appeals: QuerySet[Appeal]) -> list[Overturned]:
    """By who set the bans, in the order of their names, which ranks nobody; two queries."""
    found = {user: (decided, overturned) for user, decided, overturned in _counted(appeals, "ban__by")}
    names = {user.pk: user.get_full_name() or user.get_username() for user in User.objects.filter(pk__in=found)}
    return [Overturned(names[pk], *found[pk]) for pk in sorted(found, key=lambda pk: (names[pk], pk))]


def _counted(appeals: QuerySet[Appeal], group: str) -> QuerySet[Appeal, tuple[Any, int, int]]:
    decided = appeals.filter(state__in=[Appeal.State.UPHELD, Appeal.State.OVERTURNED])
    counted = decided.values(group).annotate(
        decided=Count("pk"), overturned=Count("pk", filter=Q(state=Appeal.State.OVERTURNED))
    )
    rows: QuerySet[Appeal, tuple[Any, int, int]] = counted.order_by().values_list(group, "decided", "overturned")
    return rows

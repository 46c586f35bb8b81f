"""Account links: which customers are one person, as far as a person has confirmed it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from blocklist.models import AccountLink, LinkMember
from customers.models import Customer, User

# Of two links to the same customer the stronger one stays.
STRENGTH = {AccountLink.State.PROPOSED: 0, AccountLink.State.DENIED: 1, AccountLink.State.CONFIRMED: 2}


def keep_clusters(customers: Collection[int]) -> None:
    """Write anew who belongs together with any of these customers (ids), after their links changed.

    The caller holds the exclusive intake lock. A cluster is small: it is found by following its links.
    """
    touched = set(customers) | _cluster_mates(customers)
    LinkMember.objects.filter(customer__in=touched).delete()
    rows, left = [], set(touched)
    while left:
        together = _reached_from(left.pop())
        left -= together
        if len(together) > 1:
            rows += [LinkMember(customer_id=pk, cluster=min(together)) for pk in sorted(together)]
            LinkMember.objects.filter(customer__in=together).delete()
    LinkMember.objects.bulk_create(rows)


def _cluster_mates(customers: Collection[int]) -> set[int]:
    clusters = LinkMember.objects.filter(customer__in=customers).values("cluster")
    return set(LinkMember.objects.filter(cluster__in=clusters).values_list("customer", flat=True))


def _reached_from(customer: int) -> set[int]:
    """The customer and all whom confirmed links lead to, directly or over others."""
    confirmed = AccountLink.objects.filter(state=AccountLink.State.CONFIRMED)
    reached, edge = {customer}, {customer}
    while edge:
        pairs = confirmed.filter(Q(first__in=edge) | Q(second__in=edge)).values_list("first", "second")
        edge = {pk for pair in pairs for pk in pair} - reached
        reached |= edge
    return reached


def fold_links(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """The merged customer's links become the kept one's; the link between the two has come true and goes."""
    for link in AccountLink.objects.filter(Q(first=merged) | Q(second=merged)).order_by("pk"):
        other = link.second_id if link.first_id == merged.pk else link.first_id
        first, second = sorted((kept.pk, other))
        same = AccountLink.objects.filter(first=first, second=second).exclude(pk=link.pk).first()
        if other == kept.pk or (same and STRENGTH[_state(same)] >= STRENGTH[_state(link)]):
            link.delete()
            continue
        if same:
            same.delete()
        link.first_id, link.second_id = first, second
        link.save(update_fields=["first", "second"])
    keep_clusters([kept.pk, merged.pk])


def _state(link: AccountLink) -> AccountLink.State:
    return AccountLink.State(link.state)

"""Account links: which customers are one person, as far as a person has confirmed it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from blocklist.models import AccountLink, LinkMember
from customers import locks
from customers.models import Customer, User
from customers.services import audit

State = AccountLink.State
# Of two links to the same customer the stronger one stays.
STRENGTH = {State.PROPOSED: 0, State.DENIED: 1, State.CONFIRMED: 2}


class MayNotDecideLink(PermissionDenied):
    """The staff user may not confirm or deny this link. The message says why."""


def why_may_not_decide(link: AccountLink, user: User, *, at: datetime) -> str:
    """Empty where this staff user confirms and denies the link; else the sentence that tells who does."""
    return "" if AccountLink.objects.decidable_by(user, at=at).filter(pk=link.pk).exists() else why_only_some_decide()


def why_only_some_decide() -> str:
    """The sentence for whoever may not ban both customers."""
    return _(
        "A confirmed link has the effect of a ban, so only a manager or the exclusive agent of both customers decides."
    )


def confirm_link(link: AccountLink, *, by: User, at: datetime, note: str = "") -> AccountLink:
    """Say that the two are one person: a ban of either stops both from now on. Repeating is safe.

    Raises MayNotDecideLink without the right, ValidationError where a link that was denied is confirmed without a note.
    """
    return _decide(link, State.CONFIRMED, by=by, at=at, note=note)


def deny_link(link: AccountLink, *, by: User, at: datetime, note: str = "") -> AccountLink:
    """Say that the two are not one person: the link is not proposed again. Repeating is safe.

    Raises MayNotDecideLink without the right, ValidationError where a confirmed link is denied without a note.
    """
    return _decide(link, State.DENIED, by=by, at=at, note=note)


def link_customers(one: Customer, other: Customer, *, by: User, at: datetime, note: str) -> AccountLink:
    """Link two customers of whom a person knows that they are one; a link that is there between them is confirmed.

    Raises MayNotDecideLink without the right, ValidationError without a note and where nothing can be linked.
    """
    first, second = sorted((one.pk, other.pk))
    if first == second:
        raise ValidationError({"other": _("These two are the same customer.")})
    if not note.strip():
        raise ValidationError({"note": _("Say how you know that they are one person.")})
    with transaction.atomic():
        locks.close_intake()
        if Customer.objects.unmerged().filter(pk__in=[first, second]).count() < 2:
            raise ValidationError({"other": _("One of these customers was merged into another already.")})
        link, _created = AccountLink.objects.get_or_create(
            first_id=first,
            second_id=second,
            defaults={"reasons": [AccountLink.Reason.PERSON], "confidence": 100, "found_at": at},
        )
        return _decide(link, State.CONFIRMED, by=by, at=at, note=note)


def _decide(link: AccountLink, state: AccountLink.State, *, by: User, at: datetime, note: str) -> AccountLink:
    with transaction.atomic():
        locks.close_intake()
        found = AccountLink.objects.filter(pk=link.pk).first()
        if found is None:
            raise ValidationError(_("This link is gone: one of the two was merged into another customer."))
        link = found
        if why := why_may_not_decide(link, by, at=at):
            raise MayNotDecideLink(why)
        if link.state == state:
            return link
        if link.state != State.PROPOSED and not note.strip():
            raise ValidationError({"note": _("This was decided otherwise before: say why.")})
        link.state, link.decided_at, link.decided_by, link.note = state, at, by, note.strip()[:200]
        link.save(update_fields=["state", "decided_at", "decided_by", "note"])
        row = AccountLink.objects.filter(pk=link.pk)
        audit.record(f"link.{state.value}", row, by=by, at=at, fields=["state"], reason=link.note)
        keep_clusters([link.first_id, link.second_id])
    return link


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
    confirmed = AccountLink.objects.confirmed()
    reached, edge = {customer}, {customer}
    while edge:
        pairs = confirmed.filter(Q(first__in=edge) | Q(second__in=edge)).values_list("first", "second")
        edge = {pk for pair in pairs for pk in pair} - reached
        reached |= edge
    return reached


def fold_links(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """The merged customer's links become the kept one's; the link between the two has come true and goes."""
    for link in AccountLink.objects.of(merged).order_by("pk"):
        other = link.other(merged.pk)
        first, second = sorted((kept.pk, other))
        same = AccountLink.objects.filter(first=first, second=second).exclude(pk=link.pk).first()
        if other == kept.pk or (same and STRENGTH[State(same.state)] >= STRENGTH[State(link.state)]):
            link.delete()
            continue
        if same:
            same.delete()
        link.first_id, link.second_id = first, second
        link.save(update_fields=["first", "second"])
    keep_clusters([kept.pk, merged.pk])

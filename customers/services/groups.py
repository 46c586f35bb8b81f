"""Putting customers into groups (分组) and taking them out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from customers import locks
from customers.bulk import insert_from
from customers.models import Customer, Group, User

from . import audit

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


# A label that nobody can find among hundreds is none.
MOST_GROUPS = 100


class MayNotGroup(PermissionDenied):
    """The staff user may not change the groups of customers. The message says why."""


class RuleDriven(MayNotGroup):
    """A rule decides who is in one of the groups: nobody is put into it or taken out of it by hand."""


class TooManyGroups(Exception):
    """There is no room for another group. The message says how many there may be."""


def add_to_groups(customers: CustomerQuerySet, *, groups: Iterable[Group], by: User, at: datetime) -> int:
    """Put those of the customers whom `by` may change into each of the groups; return how many memberships are new.

    One statement per group. Repeating is safe. Raises MayNotGroup without the right to change customers, RuleDriven
    where a rule decides.
    """
    changeable = _changeable(customers, by)
    groups = _by_hand(groups)
    membership = Customer.groups.through
    with transaction.atomic():
        count = 0
        for group in groups:
            missing = changeable.exclude(Exists(membership.objects.filter(group=group, customer=OuterRef("pk"))))
            _note(missing, by=by, at=at)
            count += insert_from(membership, missing, customer=F("pk"), group=group, ignore_conflicts=True)
        return count


def remove_from_groups(customers: CustomerQuerySet, *, groups: Iterable[Group], by: User, at: datetime) -> int:
    """Take those of the customers whom `by` may change out of each of the groups; return how many memberships ended.

    Repeating is safe. Raises MayNotGroup without the right to change customers, RuleDriven where a rule decides.
    """
    changeable = _changeable(customers, by)
    groups = _by_hand(groups)
    membership = Customer.groups.through
    with transaction.atomic():
        ended = membership.objects.filter(group__in=list(groups), customer__in=changeable.order_by().values("pk"))
        _note(Customer.objects.filter(pk__in=ended.values("customer")), by=by, at=at)
        return ended.delete()[0]


def set_groups(customer: Customer, *, groups: Iterable[Group], by: User, at: datetime) -> None:
    """Put the customer into exactly these groups; those that a rule has put him into stay. Repeating is safe.

    Raises MayNotGroup where `by` may not change this customer, RuleDriven where a rule decides who is in a new one.
    """
    one, chosen, before = Customer.objects.filter(pk=customer.pk), set(groups), set(customer.groups.all())
    if not _changeable(one, by).exists():
        raise MayNotGroup(_("You may not change the customers of other agents."))
    with transaction.atomic():
        add_to_groups(one, groups=chosen - before, by=by, at=at)
        remove_from_groups(one, groups=[group for group in before - chosen if not group.rule_id], by=by, at=at)


def check_room() -> None:
    """Raises TooManyGroups where no further group may be added; in the transaction that adds it."""
    locks.add_group_alone()
    if Group.objects.count() >= MOST_GROUPS:
        raise TooManyGroups(_("There are %(count)d groups already, and no more are possible.") % {"count": MOST_GROUPS})


def delete_group(group: Group, *, by: User, at: datetime) -> None:
    """Delete the label; the customers stay. Filters that refer to it say so from then on, and select nobody."""
    with transaction.atomic():
        audit.record("group.deleted", Group.objects.filter(pk=group.pk), by=by, at=at)
        group.delete()


def _by_hand(groups: Iterable[Group]) -> list[Group]:
    chosen = list(groups)
    if ruled := [str(group) for group in chosen if group.rule_id]:
        said = {"groups": ", ".join(ruled)}
        raise RuleDriven(_("A rule decides who is in %(groups)s; nobody is put in or taken out by hand.") % said)
    return chosen


def _changeable(customers: CustomerQuerySet, by: User) -> CustomerQuerySet:
    if not by.has_perm("customers.change_customer"):
        raise MayNotGroup(_("You may not change customers."))
    return Customer.objects.editable_by(by).filter(pk__in=customers.order_by().values("pk"))


def _note(customers: CustomerQuerySet, *, by: User, at: datetime) -> None:
    """Audit who is about to change, while they can still be told from the others."""
    if customers.exists():
        audit.record("customer.changed", customers, by=by, at=at, fields=["groups"])
        customers.update(updated_at=at)

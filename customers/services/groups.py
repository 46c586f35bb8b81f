"""Putting customers into groups (分组) and taking them out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from customers.bulk import insert_from
from customers.models import Customer, Group, User

from . import audit

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


class MayNotGroup(PermissionDenied):
    """The staff user may not change the groups of customers. The message says why."""


def add_to_groups(customers: CustomerQuerySet, *, groups: Iterable[Group], by: User, at: datetime) -> int:
    """Put those of the customers whom `by` may change into each of the groups; return how many memberships are new.

    One statement per group. Repeating is safe. Raises MayNotGroup without the right to change customers.
    """
    changeable = _changeable(customers, by)
    membership = Customer.groups.through
    with transaction.atomic():
        count = 0
        for group in groups:
            missing = changeable.exclude(pk__in=membership.objects.filter(group=group).values("customer"))
            _note(missing, by=by, at=at)
            count += insert_from(membership, missing, customer=F("pk"), group=group, ignore_conflicts=True)
        return count


def remove_from_groups(customers: CustomerQuerySet, *, groups: Iterable[Group], by: User, at: datetime) -> int:
    """Take those of the customers whom `by` may change out of each of the groups; return how many memberships ended.

    Repeating is safe. Raises MayNotGroup without the right to change customers.
    """
    changeable = _changeable(customers, by)
    membership = Customer.groups.through
    with transaction.atomic():
        ended = membership.objects.filter(group__in=list(groups), customer__in=changeable.order_by().values("pk"))
        _note(Customer.objects.filter(pk__in=ended.values("customer")), by=by, at=at)
        return ended.delete()[0]


def _changeable(customers: CustomerQuerySet, by: User) -> CustomerQuerySet:
    if not by.has_perm("customers.change_customer"):
        raise MayNotGroup(_("You may not change customers."))
    return Customer.objects.editable_by(by).filter(pk__in=customers.order_by().values("pk"))


def _note(customers: CustomerQuerySet, *, by: User, at: datetime) -> None:
    """Audit who is about to change, while they can still be told from the others."""
    if customers.exists():
        audit.record("customer.changed", customers, by=by, at=at, fields=["groups"])
        customers.update(updated_at=at)

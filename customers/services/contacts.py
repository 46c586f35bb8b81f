"""Showing contact data to those who may see it: whole values are given out here, and each time is written down."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import ContactValue, Customer, User

from . import audit

REVEALED = "contact.revealed"


class MayNotSeeContacts(PermissionDenied):
    """The staff user may not see contact data. The message says so."""


def reveal(customer: Customer, *, kinds: Collection[str], by: User, at: datetime) -> list[ContactValue]:
    """His contact values of these kinds, whole, in the order in which they were told. Audited, without the values.

    Raises MayNotSeeContacts without the right, or for a customer whom `by` does not see.
    """
    seen = Customer.objects.visible_to(by).filter(pk=customer.pk)
    if not (by.has_perm("customers.view_contact") and seen.exists()):
        raise MayNotSeeContacts(_("You have no right to see contact data."))
    with transaction.atomic():
        values = list(ContactValue.objects.filter(customer=customer, kind__in=kinds).order_by("kind", "pk"))
        if values:
            fields = sorted({value.kind for value in values})
            audit.record(REVEALED, Customer.objects.filter(pk=customer.pk), by=by, at=at, fields=fields)
    return values

"""Two customers side by side, for whoever decides whether they are one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from customers import identity
from customers.models import ContactValue, Customer

from .cells import NOTHING
from .customer_page import figures
from .customer_rows import customer_name


@dataclass(frozen=True)
class Side:
    """One of them: facts with their labels, contact data as kind, masked value, and whether both have it."""

    customer: Customer
    name: SafeString
    facts: list[tuple[str, str]]
    contacts: list[tuple[str, str, bool]]


def sides_of(customers: Sequence[Customer]) -> list[Side]:
    """The customers (fetched by `with_columns`) as they are shown, in one query.

    Contact data stays masked: that both have a value is what decides, and looking at one is audited elsewhere.
    """
    values = ContactValue.objects.filter(customer__in=customers).order_by("kind", "pk")
    owners: dict[tuple[str, str], set[int]] = {}
    for row in values:
        owners.setdefault((row.kind, row.key), set()).add(row.customer_id)
    return [
        Side(
            customer=customer,
            name=customer_name(customer),
            facts=_facts(customer),
            contacts=[
                (
                    capfirst(row.get_kind_display()),
                    identity.masked(row.kind, row.value),
                    len(owners[row.kind, row.key]) > 1,
                )
                for row in values
                if row.customer_id == customer.pk
            ],
        )
        for customer in customers
    ]


def _facts(customer: Customer) -> list[tuple[str, str]]:
    return [
        (_("exclusive agent"), str(customer.agent or _("nobody yet"))),
        (_("level"), customer.get_level_display()),
        (_("groups"), ", ".join(sorted(group.name for group in customer.groups.all())) or NOTHING),
        (_("region"), " ".join(filter(None, [customer.province, customer.city])) or NOTHING),
        *figures(customer),
    ]

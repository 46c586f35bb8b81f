"""What the commands about bans ask: whom, and in whose name."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from customers.models import Customer, User

LONGEST_ID = 18


def add_customer(parser: ArgumentParser) -> None:
    parser.add_argument("customer", help="the customer's number in the panel, or his exact nick")
    parser.add_argument("--by", metavar="LOGIN", required=True, help="staff user who does it, with that user's rights")


def named_user(login: str) -> User:
    """Raises CommandError where nobody of the staff, who is still active, has this login."""
    user = User.objects.filter(username=login, is_active=True, is_staff=True).first()
    if user is None:
        raise CommandError(_("There is no active staff user %(login)s.") % {"login": login})
    return user


def named_customer(named: str, user: User) -> Customer:
    """The one customer, of those whom the user sees. Raises CommandError where there is none, or several."""
    seen = Customer.objects.visible_to(user).select_related("agent")
    if named.isascii() and named.isdigit() and len(named) <= LONGEST_ID:
        kept = Customer.objects.kept_instead_of(named)
        if customer := seen.filter(pk=kept.pk if kept else int(named)).first():
            return customer
    found = list(seen.called(named).order_by("pk")[:10])
    if not found:
        raise CommandError(_("There is no customer %(named)s whom %(user)s sees.") % {"named": named, "user": user})
    if len(found) > 1:
        numbers = ", ".join(str(customer.pk) for customer in found)
        raise CommandError(
            _("Several customers are called so. Name one by his number: %(numbers)s.") % {"numbers": numbers}
        )
    return found[0]


def sentences(errors: dict[str, list[str]]) -> str:
    """What a service found wrong, as one line that names each argument."""
    return "; ".join(f"--{name}: {' '.join(found)}" for name, found in errors.items())

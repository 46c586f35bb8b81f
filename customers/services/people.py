"""Who is this buyer? Finding the customer behind what a storefront tells, or making one."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from customers import identity
from customers.identity import Identity
from customers.models import Account, ContactValue, Customer, FormerNick


def find_customer(buyer: Identity) -> Customer | None:
    """The customer whom an account, else a phone, else an e-mail names; an address alone names nobody."""
    if account := find_account(buyer):
        return account.customer
    keys = buyer.contact_keys()
    for kind in (ContactValue.Kind.PHONE, ContactValue.Kind.EMAIL):
        if kind in keys:
            owners = Customer.objects.filter(contact_values__kind=kind, contact_values__key=keys[kind])
            if owner := owners.order_by("pk").first():
                return owner
    return None


def find_account(buyer: Identity) -> Account | None:
    """The account of the buyer's source with this external id, else with this nick (never a masked one).

    An account that was known by its nick alone is found by that nick also when an external id is now told with it.
    """
    accounts = Account.objects.filter(source=buyer.source_id).select_related("customer")
    nick = _usable_nick(buyer)
    if buyer.external_id:
        by_nick_alone = accounts.filter(external_id=nick, nick=nick) if nick else accounts.none()
        return accounts.filter(external_id=buyer.external_id).first() or by_nick_alone.first()
    if nick:
        return accounts.filter(Q(nick=nick) | Q(external_id=nick)).order_by("pk").first()
    return None


def keep_customer(buyer: Identity, *, at: datetime) -> Customer | None:
    """Find the buyer or make a customer of him, and remember what was told; None where nothing names a person.

    An unknown account whose phone or e-mail belongs to a customer becomes that customer's further account. A changed
    nick is noted and the former one kept. Repeating is safe. Runs inside the caller's transaction or its own.
    """
    try:
        return _find_or_make(buyer, at=at)
    except IntegrityError:
        # the same new buyer came in twice at the same moment, and the other one was first: now he is found
        return _find_or_make(buyer, at=at)


def _find_or_make(buyer: Identity, *, at: datetime) -> Customer | None:
    with transaction.atomic():
        customer = find_customer(buyer)
        if customer is None:
            reachable = {"phone", "email"} & buyer.contact_keys().keys()
            if not (_account_number(buyer) or reachable):
                return None
            customer = Customer.objects.create(registered_at=at)
        _keep_account(customer, buyer, at=at)
        _keep_contact_values(customer, buyer)
        return customer


def _usable_nick(buyer: Identity) -> str:
    return "" if identity.is_masked(buyer.nick) else buyer.nick


def _account_number(buyer: Identity) -> str:
    """The id the account stands under: the source's own, or the nick where the source has none."""
    return buyer.external_id or _usable_nick(buyer)


def _keep_account(customer: Customer, buyer: Identity, *, at: datetime) -> None:
    number, nick = _account_number(buyer), _usable_nick(buyer)
    if not number:
        return
    account = find_account(buyer)
    if account is None:
        Account.objects.create(customer=customer, source_id=buyer.source_id, external_id=number, nick=nick)
        return
    if buyer.external_id and account.external_id != buyer.external_id:
        account.external_id = buyer.external_id
        account.save(update_fields=["external_id"])
    if nick and account.nick != nick:
        if account.nick:
            FormerNick.objects.create(account=account, nick=account.nick, until_at=at)
        account.nick = nick
        account.save(update_fields=["nick"])


def _keep_contact_values(customer: Customer, buyer: Identity) -> None:
    keys = buyer.contact_keys()
    values = buyer.contact_values()
    ContactValue.objects.bulk_create(
        [ContactValue(customer=customer, kind=kind, value=values[kind], key=key) for kind, key in keys.items()],
        ignore_conflicts=True,
    )

"""Who is this buyer? Finding the customer behind what a storefront tells, or making one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from customers import identity
from customers.identity import Identity
from customers.models import Account, ContactValue, Customer, FormerNick, User
from customers.signals import accounts_changed, customers_told

# in the order in which they are believed
KINDS_THAT_NAME = (ContactValue.Kind.PHONE.value, ContactValue.Kind.EMAIL.value)


def find_customer(buyer: Identity) -> Customer | None:
    """The customer whom an account, else a phone, else an e-mail names; an address alone names nobody."""
    return find_customers([buyer])[0]


def find_customers(buyers: Sequence[Identity]) -> list[Customer | None]:
    """`find_customer` for each of many, in three queries at most."""
    found = [account.customer if account else None for account in find_accounts(buyers)]
    keys = [{} if customer else buyer.contact_keys() for buyer, customer in zip(buyers, found, strict=True)]
    owners = _owners({(kind, key[kind]) for key in keys for kind in KINDS_THAT_NAME if kind in key})
    by_contact = [
        next((owners[kind, key[kind]] for kind in KINDS_THAT_NAME if (kind, key.get(kind, "")) in owners), None)
        for key in keys
    ]
    return [customer or owner for customer, owner in zip(found, by_contact, strict=True)]


def _owners(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Customer]:
    """Who has these contact values, by kind and key: of several, who came first."""
    if not keys:
        return {}
    values = ContactValue.objects.filter(kind__in=KINDS_THAT_NAME, key__in={key for _kind, key in keys})
    newest_first = values.select_related("customer").order_by("-customer")
    return {(value.kind, value.key): value.customer for value in newest_first if (value.kind, value.key) in keys}


def find_account(buyer: Identity) -> Account | None:
    """The account of the buyer's source with this external id, else with this nick (never a masked one).

    An account that was known by its nick alone is found by that nick also when an external id is now told with it.
    """
    return find_accounts([buyer])[0]


def find_accounts(buyers: Sequence[Identity]) -> list[Account | None]:
    """`find_account` for each of many, in two queries at most."""
    nicks = {nick for buyer in buyers if (nick := usable_nick(buyer))}
    numbers = {buyer.external_id for buyer in buyers if buyer.external_id} | nicks
    by_number: dict[tuple[int, str], Account] = {}
    by_nick: dict[tuple[int, str], Account] = {}
    if numbers:
        sources = {buyer.source_id for buyer in buyers}
        numbered = Account.objects.filter(source__in=sources, external_id__in=numbers).select_related("customer")
        by_number = {(account.source_id, account.external_id): account for account in numbered}
    if nicks and not all(buyer.external_id for buyer in buyers):
        # without the source, which SQLite would take for the better index
        nicked = Account.objects.filter(nick__in=nicks).select_related("customer").order_by("-pk")
        by_nick = {(account.source_id, account.nick): account for account in nicked}
    return [_account_of(buyer, by_number, by_nick) for buyer in buyers]


def _account_of(
    buyer: Identity, by_number: Mapping[tuple[int, str], Account], by_nick: Mapping[tuple[int, str], Account]
) -> Account | None:
    nick = usable_nick(buyer)
    under_nick = by_number.get((buyer.source_id, nick)) if nick else None
    if buyer.external_id:
        nick_alone = under_nick if under_nick and under_nick.nick == nick else None
        return by_number.get((buyer.source_id, buyer.external_id)) or nick_alone
    candidates = [account for account in (under_nick, by_nick.get((buyer.source_id, nick))) if account]
    return min(candidates, key=lambda account: account.pk, default=None)


def keep_customer(buyer: Identity, *, at: datetime, by: User | None = None) -> Customer | None:
    """Find the buyer or make a customer of him, and remember what was told; None where nothing names a person.

    An unknown account whose phone or e-mail belongs to a customer becomes that customer's further account. A changed
    nick is noted and the former one kept. Of a customer whom `by`, the staff user who tells it, may not change nothing
    is noted. Repeating is safe. Runs inside the caller's transaction or its own.
    """
    try:
        return _find_or_make(buyer, at=at, by=by)
    except IntegrityError:
        # the same new buyer came in twice at the same moment, and the other one was first: now he is found
        return _find_or_make(buyer, at=at, by=by)


def _find_or_make(buyer: Identity, *, at: datetime, by: User | None) -> Customer | None:
    with transaction.atomic():
        customer = known = find_customer(buyer)
        if customer and by and not Customer.objects.editable_by(by).filter(pk=customer.pk).exists():
            return customer
        if customer is None:
            reachable = {"phone", "email"} & buyer.contact_keys().keys()
            if not (account_number(buyer) or reachable):
                return None
            customer = Customer.objects.create(registered_at=at)
        is_account_news = _keep_account(customer, buyer, at=at)
        is_contact_news = _keep_contact_values(customer, buyer)
        if is_account_news and known:
            accounts_changed.send(sender=Account, customers=[known.pk], source_id=buyer.source_id)
        if is_account_news or is_contact_news:
            told = Customer.objects.filter(pk=customer.pk)
            customers_told.send(sender=Customer, customers=told, at=at)
        return customer


def kept_key(kind: str, value: str, customer: int) -> str:
    """The key under which a told value is kept of a customer (an id); empty where it is not kept.

    A virtual phone and what is no address of an e-mail are worth nothing tomorrow; a postal address without a door is
    still an address.
    """
    if kind == ContactValue.Kind.ADDRESS and value.strip() and not identity.is_masked(value):
        return identity.stored_key(kind, value, customer)
    return identity.contact_key(kind, value)


def usable_nick(buyer: Identity) -> str:
    """His nick, empty where it is starred out."""
    return "" if identity.is_masked(buyer.nick) else buyer.nick


def account_number(buyer: Identity) -> str:
    """The id the account stands under: the source's own, or the nick where the source has none."""
    return buyer.external_id or usable_nick(buyer)


def _keep_account(customer: Customer, buyer: Identity, *, at: datetime) -> bool:
    """Return whether the account is new, or has another number or nick now."""
    number, nick = account_number(buyer), usable_nick(buyer)
    if not number:
        return False
    account = find_account(buyer)
    if account is None:
        Account.objects.create(customer=customer, source_id=buyer.source_id, external_id=number, nick=nick)
        return True
    is_renumbered = bool(buyer.external_id) and account.external_id != buyer.external_id
    if is_renumbered:
        account.external_id = buyer.external_id
        account.save(update_fields=["external_id"])
    is_renamed = bool(nick) and account.nick != nick
    if is_renamed:
        if account.nick:
            FormerNick.objects.create(account=account, nick=account.nick, until_at=at)
        account.nick = nick
        account.save(update_fields=["nick"])
    return is_renumbered or is_renamed


def _keep_contact_values(customer: Customer, buyer: Identity) -> bool:
    """Return whether there is a new value."""
    told = {
        (kind, key): value
        for kind, value in buyer.contact_values().items()
        if (key := kept_key(kind, value, customer.pk))
    }
    known = set(customer.contact_values.values_list("kind", "key")) if told else set()
    new = [
        ContactValue(customer=customer, kind=kind, key=key, value=value)
        for (kind, key), value in told.items()
        if (kind, key) not in known
    ]
    ContactValue.objects.bulk_create(new, ignore_conflicts=True)
    return bool(new)

"""Making customers of the buyers that an export names, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customers.bulk import update_rows
from customers.identity import Identity
from customers.models import Account, ContactValue, Customer
from customers.services.people import (
    KINDS_THAT_NAME,
    account_number,
    find_accounts,
    find_customers,
    kept_key,
    usable_nick,
)
from customers.signals import accounts_changed, customers_told

from .loading import Loading


@dataclass(frozen=True)
class ToldBuyer:
    """Who bought, as a row of an export tells it.

    `identity` is what names him. `contacts` are the receiver's, by kind: kept for a customer, but they name nobody, for
    a parcel may go to somebody else, or to a forwarder who serves hundreds.
    """

    identity: Identity
    since: datetime
    province: str = ""
    city: str = ""
    level: int = Customer.Level.NONE
    contacts: Mapping[str, str] = field(default_factory=dict)


def keep_buyers(buyers: Sequence[ToldBuyer], loading: Loading) -> list[int | None]:
    """Find each buyer or make a customer of him, as `keep_customer` does; return their ids, None who nobody can name.

    Repeating is safe. Runs inside the caller's transaction; the number of queries does not depend on that of buyers.
    """
    found = find_customers([buyer.identity for buyer in buyers])
    update_rows(Customer, fill_regions(buyers, found), ["province", "city"])
    known = known_ids(buyers, found)
    ids = _make_customers(buyers, known, loading)
    accounts, contacts = new_accounts(buyers, ids), new_contacts(buyers, ids)
    loading.insert(Account, accounts, source_id=loading.source.pk)
    if changed := {account.customer_id for account in accounts} & set(known):
        accounts_changed.send(sender=Account, customers=changed, source_id=loading.source.pk)
    loading.insert(ContactValue, contacts)
    if told := {account.customer_id for account in accounts} | {contact.customer_id for contact in contacts}:
        customers = Customer.objects.filter(pk__in=told)
        customers_told.send(sender=Customer, customers=customers, at=loading.run.started_at)
    return ids


def known_ids(buyers: Sequence[ToldBuyer], found: Sequence[Customer | None]) -> list[int | None]:
    """The ids of those found, and of those whom only another row, by what it tells besides the account, finds."""
    accounts = {
        account_number(buyer.identity): customer.pk for buyer, customer in zip(buyers, found, strict=True) if customer
    }
    accounts.pop("", None)
    return [
        customer.pk if customer else accounts.get(account_number(buyer.identity))
        for buyer, customer in zip(buyers, found, strict=True)
    ]


def fill_regions(buyers: Sequence[ToldBuyer], found: Sequence[Customer | None]) -> list[Customer]:
    """Set where a found customer lives if nobody has said so yet; return those who had no region, not saved."""
    filled: dict[int, Customer] = {}
    for buyer, customer in zip(buyers, found, strict=True):
        if customer and buyer.province and not (customer.province or customer.city):
            filled[customer.pk] = customer
            customer.province, customer.city = buyer.province, buyer.city
    return list(filled.values())


def _make_customers(buyers: Sequence[ToldBuyer], found: Sequence[int | None], loading: Loading) -> list[int | None]:
    """The ids of all: those found, and those of new customers; two rows with a name in common are one customer."""
    made: list[Customer] = []
    by_name: dict[tuple[str, str], int] = {}
    places: list[int | None] = []
    for buyer, known in zip(buyers, found, strict=True):
        names = [] if known else names_of(buyer.identity)
        place = next((by_name[name] for name in names if name in by_name), None)
        if names and place is None:
            place = len(made)
            made.append(_new_customer(buyer))
        by_name.update((name, place) for name in names if place is not None)
        places.append(place)
    new = loading.insert_customers(made)
    return [known if place is None else new[place] for known, place in zip(found, places, strict=True)]


def _new_customer(buyer: ToldBuyer) -> Customer:
    """A level that was told stands like one set by hand: trade figures may raise it."""
    basis = Customer.LevelBasis.BY_HAND if buyer.level else Customer.LevelBasis.FIGURES
    return Customer(
        registered_at=buyer.since,
        province=buyer.province,
        city=buyer.city,
        level=buyer.level,
        level_basis=basis,
    )


def names_of(buyer: Identity) -> list[tuple[str, str]]:
    """What makes one person of two rows, by kind: his account, his phone, his e-mail."""
    number, keys = account_number(buyer), buyer.contact_keys()
    names = [("account", number)] if number else []
    return names + [(kind, keys[kind]) for kind in KINDS_THAT_NAME if kind in keys]


def new_accounts(buyers: Sequence[ToldBuyer], ids: Sequence[int | None]) -> list[Account]:
    """The accounts, not saved and without their source, that were told of customers (by id) and are not there."""
    known = find_accounts([buyer.identity for buyer in buyers])
    new: dict[str, Account] = {}
    for buyer, customer, account in zip(buyers, ids, known, strict=True):
        number = account_number(buyer.identity)
        if customer and number and account is None:
            new[number] = Account(customer_id=customer, external_id=number, nick=usable_nick(buyer.identity))
    return list(new.values())


def new_contacts(buyers: Sequence[ToldBuyer], ids: Sequence[int | None]) -> list[ContactValue]:
    """The contact values, not saved, that were told of customers (by id) and are not there."""
    told: dict[tuple[int, str, str], str] = {}
    for buyer, customer in zip(buyers, ids, strict=True):
        if customer is None:
            continue
        for kind, value in [*buyer.identity.contact_values().items(), *buyer.contacts.items()]:
            if key := kept_key(kind, value, customer):
                told.setdefault((customer, kind, key), value)
    customers = {customer for customer, _kind, _key in told}
    rows = ContactValue.objects.filter(customer__in=customers).values_list("customer", "kind", "key")
    known = set(rows) if told else set()
    return [
        ContactValue(customer_id=place[0], kind=place[1], key=place[2], value=value)
        for place, value in told.items()
        if place not in known
    ]

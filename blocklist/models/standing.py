"""What stands against a customer: the entries that the purchase gate asks for, in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.conf import settings
from django.db.models import BooleanField, Exists, Expression, OuterRef, QuerySet, Subquery, Value

from customers.models import Account, ContactValue, Customer, FormerNick, Job, JobRow
from customers.prepared import Fixed

from .ban import Ban
from .exemption import Exemption
from .link import LinkMember
from .watch import Watch

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

    from .ban import BanQuerySet

# The jobs that ban many at once: the bulk action of the customer list, and the import of a blocklist.
BULK_BANS = ("ban_purchases", "import_bans")

# Rows that lead to customers, and the field that does.
Rows: TypeAlias = tuple[QuerySet[Any], str]


@dataclass(frozen=True)
class Leads:
    """Whom a buyer's identifiers name, by what kind of them."""

    account: Sequence[Rows] = ()
    contact: Sequence[Rows] = ()
    former_nick: Sequence[Rows] = ()
    address: Sequence[Rows] = ()

    def customers(self) -> QuerySet[Any, Any]:
        """Their ids."""
        leads = [*self.account, *self.contact, *self.former_nick, *self.address]
        first, *further = [rows.order_by().values(field) for rows, field in leads]
        return first.union(*further, all=True) if further else first


def awaiting_ban(customers: CustomerQuerySet) -> CustomerQuerySet:
    """Those of the customers for whom a bulk ban waits for a second person, or has his approval and is yet to come."""
    return customers.filter(Exists(_awaited_bans()))


def _awaited_bans() -> QuerySet[JobRow]:
    """The rows of bulk bans that wait, or are approved and not carried out yet, of the outer query's customer."""
    bulk_bans = Job.objects.filter(kind__in=BULK_BANS)
    waiting = bulk_bans.filter(state=Fixed(Job.State.APPROVAL.value))
    under_way = [Fixed(Job.State.WAITING.value), Fixed(Job.State.RUNNING.value)]
    # not one condition with "or": each half has an index of its own
    approved = bulk_bans.filter(state__in=under_way, approved_at__isnull=False)
    jobs = waiting.values("pk").union(approved.values("pk"), all=True)
    return JobRow.objects.filter(job__in=jobs, state=JobRow.State.WAITING, customer=OuterRef("pk"))


def _of_linked(bans: BanQuerySet) -> BanQuerySet:
    """Those of the bans that lie on others who are one person with the outer query's customer, by confirmed links."""
    # out of this subquery, and the two around it
    cluster = LinkMember.objects.filter(customer=OuterRef(OuterRef(OuterRef("pk")))).values("cluster")
    linked = LinkMember.objects.filter(cluster__in=cluster).exclude(customer=OuterRef(OuterRef("pk")))
    return bans.filter(customer__in=linked.values("customer"))


def candidates(leads: Leads, *, at: datetime | Expression, past: bool = False) -> QuerySet[Customer, dict[str, Any]]:
    """Whom the leads name, how each of them is named, and what stands against him at that moment.

    In the past a ban counts that was in force then, lifted since or not.
    """
    bans = Ban.objects.in_force(at) if past else Ban.objects.standing(at)
    watches = Watch.objects.standing(at).confirmed()
    of_him = {"customer": OuterRef("pk")}
    named = Customer.objects.filter(pk__in=leads.customers()).annotate(
        is_account=_leads_to_him(leads.account),
        is_contact=_leads_to_him(leads.contact),
        is_former_nick=_leads_to_him(leads.former_nick),
        ban=Subquery(bans.filter(**of_him).order_by("pk").values("pk")[:1]),
        linked_ban=Subquery(_of_linked(bans).order_by("pk").values("pk")[:1]),
        watch=Subquery(watches.filter(**of_him).order_by("pk").values("pk")[:1]),
        is_exempt=Exists(Exemption.objects.standing(at).filter(**of_him)),
        awaits_ban=Exists(_awaited_bans()),
    )
    rows = named.values(
        "pk", "is_account", "is_contact", "is_former_nick", "ban", "linked_ban", "watch", "is_exempt", "awaits_ban"
    )
    return cast("QuerySet[Customer, dict[str, Any]]", rows)


def _leads_to_him(leads: Sequence[Rows]) -> Any:
    """Whether one of these leads goes to the outer query's customer."""
    to_him: list[Any] = [Exists(rows.filter(**{field: OuterRef("pk")})) for rows, field in leads]
    return reduce(or_, to_him) if to_him else Value(False, output_field=BooleanField())


def by_names(names: Mapping[str, Any], source: int | Expression) -> Leads:
    """The leads of what a storefront tells: nick, external id, and keys of contact values (`Identity.names`)."""
    account: list[Rows] = []
    former_nick: list[Rows] = []
    if "external_id" in names:
        account.append((Account.objects.filter(source=source, external_id=names["external_id"]), "customer"))
    if "nick" in names:
        account.append((Account.objects.filter(source=source, nick=names["nick"]), "customer"))
        former = FormerNick.objects.filter(nick=names["nick"], account__source=source)
        former_nick.append((former, "account__customer"))
    contact = [(_values(kind, names[kind]), "customer") for kind in ("phone", "email") if kind in names]
    address = [(_few(_values(kind, names[kind]), names[kind]), "customer") for kind in ("address",) if kind in names]
    return Leads(account=account, contact=contact, former_nick=former_nick, address=address)


def by_customer(customer: Customer) -> Leads:
    """The leads of all that is known of a customer: what a storefront would tell of him."""
    values = ContactValue.objects.filter(customer=customer).exclude(key="")
    others = ContactValue.objects.exclude(customer=customer)
    keys = {kind: values.filter(kind=kind).values("key") for kind in ("phone", "email", "address")}
    accounts = Account.objects.filter(customer=customer)
    called_so = accounts.filter(nick=OuterRef("nick"), source=OuterRef("account__source"))
    former = FormerNick.objects.filter(nick__in=accounts.exclude(nick="").values("nick")).filter(Exists(called_so))
    addresses = _few(others.filter(kind="address", key__in=keys["address"]), OuterRef("key"))
    return Leads(
        account=[(Customer.objects.filter(pk=customer.pk), "pk")],
        contact=[(others.filter(kind=kind, key__in=keys[kind]), "customer") for kind in ("phone", "email")],
        former_nick=[(former, "account__customer")],
        address=[(addresses, "customer")],
    )


def _values(kind: str, key: Any) -> QuerySet[ContactValue]:
    return ContactValue.objects.filter(kind=kind, key=key)


def _few(addresses: QuerySet[ContactValue], key: Any) -> QuerySet[ContactValue]:
    """None of those that too many customers have: a pick-up station or a dormitory names nobody."""
    at_most = settings.ADDRESS_OF_AT_MOST
    return addresses.filter(~Exists(_values("address", key)[at_most : at_most + 1]))

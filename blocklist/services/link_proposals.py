"""Finding customers who may be one person, and proposing to link them. A person decides; until then nothing follows."""

from __future__ import annotations

import operator
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    FloatField,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat, Greatest, Least, Round, Substr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import AccountLink, Ban
from customers.bulk import insert_from
from customers.identity import MASK
from customers.models import Account, ContactValue, Customer, Duplicate, FormerNick
from customers.services.jobs import SearchKind, start_once

if TYPE_CHECKING:
    from blocklist.models.link import AccountLinkQuerySet
    from customers.models.customer import CustomerQuerySet

Kind = ContactValue.Kind
Reason = AccountLink.Reason
# How sure each reason alone makes, in percent. Several of them err independently: two that are right in 80 and 75 of
# 100 are both wrong in 5, so together they make 95. A name alone says nothing; it counts beside something else.
WEIGHTS = {Reason.PHONE: 80, Reason.EMAIL: 75, Reason.ADDRESS: 40, Reason.NICK: 35, Reason.NAME: 30}


def propose_links(customers: CustomerQuerySet, *, at: datetime) -> None:
    """Propose to link these customers with whoever has the same phone, e-mail, door or nick.

    Each is linked with one owner of what they share, with somebody banned before all others and else with whoever came
    first, so that a value of a hundred customers makes a hundred proposals and not five thousand. What too many have
    (settings CONTACT_OF_AT_MOST and ADDRESS_OF_AT_MOST) names nobody. What was denied is not proposed again, nor what
    was dismissed as a duplicate. Open proposals are weighed anew. In a fixed number of statements; repeating is safe.
    """
    ids = customers.order_by().values("pk")
    values = ContactValue.objects.filter(customer__in=ids).exclude(kind=Kind.NAME)
    _propose(values, "customer", _owner(at=at), at=at)
    accounts = Account.objects.filter(customer__in=ids).exclude(nick="").exclude(nick__contains=MASK)
    former = FormerNick.objects.filter(account__customer__in=ids).exclude(nick__contains=MASK)
    _propose(accounts, "customer", _called_so(Account.objects, "customer"), at=at)
    _propose(accounts, "customer", _called_so(FormerNick.objects, "account__customer"), at=at)
    _propose(former, "account__customer", _called_so(Account.objects, "customer", "account__customer"), at=at)
    weigh(AccountLink.objects.proposed().filter(Q(first__in=ids) | Q(second__in=ids)))


def propose_at_once(customers: CustomerQuerySet, *, at: datetime) -> None:
    """The same for customers of whom something was told just now, where they share anything with anybody.

    Hardly anybody does, and to ask that first is far cheaper.
    """
    ids = customers.order_by().values("pk")
    values = ContactValue.objects.filter(customer__in=ids).exclude(kind=Kind.NAME)
    same_value = ContactValue.objects.filter(kind=OuterRef("kind"), key=OuterRef("key"))
    accounts = Account.objects.filter(customer__in=ids).exclude(nick="")
    called_so = {"nick": OuterRef("nick")}
    if (
        values.filter(Exists(same_value.exclude(customer=OuterRef("customer")))).exists()
        or accounts.filter(Exists(Account.objects.filter(**called_so).exclude(customer=OuterRef("customer")))).exists()
        or accounts.filter(Exists(FormerNick.objects.filter(**called_so))).exists()
    ):
        propose_links(customers, at=at)


def _propose(rows: QuerySet[Any], customer: str, other: Any, *, at: datetime) -> None:
    """Insert a proposal, yet to be weighed, for each of the rows that leads to another customer."""
    insert_from(
        AccountLink,
        rows.annotate(other=other).filter(other__isnull=False),
        first=Least(F(customer), F("other")),
        second=Greatest(F(customer), F("other")),
        confidence=0,
        found_at=at,
        ignore_conflicts=True,
    )


def _owner(*, at: datetime) -> Case:
    """Whom a contact value leads to: another customer with the same; empty where nobody has it, or too many have."""
    same = ContactValue.objects.filter(kind=OuterRef("kind"), key=OuterRef("key"))
    is_banned = Exists(Ban.objects.standing(at).filter(customer=OuterRef("customer")))
    others = same.exclude(customer=OuterRef("customer")).annotate(is_banned=is_banned)
    in_order = others.order_by(F("is_banned").desc(), "customer").values("customer")
    names = ContactValue.objects.filter(kind=Kind.NAME)
    own_names = names.filter(customer=OuterRef(OuterRef(OuterRef("customer")))).values("key")
    namesakes = in_order.filter(Exists(names.filter(customer=OuterRef("customer"), key__in=own_names)))
    is_shared, is_of_few = Exists(same.exclude(customer=OuterRef("customer"))), ~_of_more_than(_most(), same)
    return Case(
        When(~is_shared, then=None),
        When(Q(kind=Kind.ADDRESS) & ~_of_more_than(settings.ADDRESS_OF_AT_MOST, same), then=Subquery(in_order[:1])),
        When(Q(kind=Kind.ADDRESS) & is_of_few, then=Subquery(namesakes[:1])),
        When(is_of_few, then=Subquery(in_order[:1])),
        default=None,
        output_field=IntegerField(),
    )


def _called_so(names: Any, customer: str, own: str = "customer") -> Case:
    """Whom a nick leads to: the first other customer who has it, or once had it; empty where too many have it."""
    others = names.filter(nick=OuterRef("nick")).exclude(**{customer: OuterRef(own)})
    return Case(
        When(~_of_more_than(_most(), others), then=Subquery(others.order_by(customer).values(customer)[:1])),
        default=None,
        output_field=IntegerField(),
    )


def _most() -> int:
    return int(settings.CONTACT_OF_AT_MOST)


def _of_more_than(most: int, rows: QuerySet[Any]) -> Exists:
    return Exists(rows[most : most + 1])


def weigh(proposals: AccountLinkQuerySet) -> None:
    """Write the reasons and the confidence of open proposals as they are now.

    What has no reason any more goes, and what a person dismissed as a duplicate.
    """
    shared = _shared_now()
    told = [When(shared[reason], then=Value(f', "{reason.value}"')) for reason in WEIGHTS]
    codes = Concat(*(Case(when, default=Value(""), output_field=CharField()) for when in told))
    proposals.update(
        reasons=Cast(Concat(Value("["), Substr(codes, 3), Value("]")), JSONField()), confidence=_confidence(shared)
    )
    dismissed = Duplicate.objects.filter(dismissed_at__isnull=False, first=OuterRef("first"), second=OuterRef("second"))
    proposals.filter(Q(confidence=0) | Exists(dismissed)).delete()


def _confidence(shared: dict[AccountLink.Reason, Any]) -> Case:
    """In percent: what is left of 100 when every reason may be wrong."""
    errors = [
        Case(When(shared[reason], then=Value(1 - weight / 100)), default=Value(1.0), output_field=FloatField())
        for reason, weight in WEIGHTS.items()
    ]
    says_something = reduce(operator.or_, (shared[reason] for reason in WEIGHTS if reason != Reason.NAME))
    sure = Cast(Round(Value(100.0) - Value(100.0) * reduce(operator.mul, errors)), IntegerField())
    return Case(When(says_something, then=sure), default=0, output_field=IntegerField())


def _shared_now() -> dict[AccountLink.Reason, Any]:
    """For each reason, whether it ties the two customers of a link of the outer query."""
    names = _shared(Kind.NAME)
    same_door = _shared(Kind.ADDRESS, of_at_most=settings.ADDRESS_OF_AT_MOST)
    return {
        Reason.PHONE: _shared(Kind.PHONE, of_at_most=_most()),
        Reason.EMAIL: _shared(Kind.EMAIL, of_at_most=_most()),
        Reason.ADDRESS: same_door | (names & _shared(Kind.ADDRESS, of_at_most=_most())),
        Reason.NICK: _nick_of("first", "second") | _formerly_of("first", "second") | _formerly_of("second", "first"),
        Reason.NAME: names,
    }


def _shared(kind: ContactValue.Kind, *, of_at_most: int | None = None) -> Q:
    of_first = ContactValue.objects.filter(customer=OuterRef("first"), kind=kind)
    of_second = ContactValue.objects.filter(customer=OuterRef(OuterRef("second")), kind=kind, key=OuterRef("key"))
    both = of_first.filter(Exists(of_second))
    if of_at_most is not None:
        both = both.filter(~_of_more_than(of_at_most, ContactValue.objects.filter(kind=kind, key=OuterRef("key"))))
    return Q(Exists(both))


def _nick_of(one: str, other: str) -> Q:
    theirs = Account.objects.filter(customer=OuterRef(OuterRef(other)), nick=OuterRef("nick"))
    own = Account.objects.filter(customer=OuterRef(one)).exclude(nick="").exclude(nick__contains=MASK)
    return Q(Exists(own.filter(Exists(theirs))))


def _formerly_of(one: str, other: str) -> Q:
    theirs = FormerNick.objects.filter(account__customer=OuterRef(OuterRef(other)), nick=OuterRef("nick"))
    own = Account.objects.filter(customer=OuterRef(one)).exclude(nick="").exclude(nick__contains=MASK)
    return Q(Exists(own.filter(Exists(theirs))))


class FindLinks(SearchKind):
    """Looks through all customers for those who may be one person, in stretches of their ids."""

    name = "find_links"
    label = gettext_lazy("Look for account links")

    def rows(self) -> CustomerQuerySet:
        return Customer.objects.unmerged()

    def search(self, stretch: CustomerQuerySet, *, at: datetime) -> None:
        propose_links(stretch, at=at)

    def found(self) -> str:
        count = AccountLink.objects.proposed().count()
        return _("%(count)d proposed links are waiting for a decision.") % {"count": count}


def look_for_links(*, at: datetime) -> None:
    """Ask for the job in nobody's name, unless one is under way."""
    start_once(FindLinks.name, at=at)

"""Customers as the panel shows them in any list: the name with its badges, and the columns that upper apps add."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from customers.models import Account, Customer
from customers.parts import Annotate, Badge, parts

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

SHOWN_ACCOUNTS = 2


def with_names(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """What `customer_name` needs, in one query more."""
    return _annotated(_with_accounts(customers), _of_badges(), request, at)


def with_columns(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """What a row of the customer list needs, in two queries more."""
    rows = _with_accounts(customers).select_related("agent").prefetch_related("groups")
    return _annotated(rows, [*_of_badges(), *(column.annotate for column in parts.list_columns)], request, at)


def customer_name(customer: Customer) -> SafeString:
    """His nicks with their sources, and his badges; `with_names` or `with_columns` fetched the row."""
    return _name(customer, badges(customer))


def _name(customer: Customer, beside: SafeString | str = "") -> SafeString:
    accounts = list(customer.accounts.all())
    names = format_html_join(
        "", '<span class="crm-nick" title="{0}">{0}</span>', ((_called_in(a),) for a in accounts[:1])
    )
    further = len(accounts) - SHOWN_ACCOUNTS
    sources = ", ".join(
        str(account.source) if index == 0 else f"{_called_in(account)} ({account.source})"
        for index, account in enumerate(accounts[:SHOWN_ACCOUNTS])
    )
    return format_html(
        '<span class="crm-person"><span class="crm-person-line">{}{}</span><span class="crm-source">{}{}</span></span>',
        names or str(customer),
        beside,
        sources or _("guest"),
        f" +{further}" if further > 0 else "",
    )


def called(customer: Customer) -> str:
    """His first nick alone, where no markup can stand."""
    return next((_called_in(account) for account in customer.accounts.all()), str(customer))


def linked_name(customer: Customer | None) -> SafeString | str:
    """The name as a link to the customer's page, with his badges, each of which may lead elsewhere."""
    if customer is None:
        return _("unidentified buyer")
    name = format_html('<a href="{}">{}</a>', customer.get_absolute_url(), _name(customer))
    shown = format_html_join(" ", "{}", ((_linked(badge, customer),) for badge in parts.badges))
    return format_html('<span class="crm-linked">{} {}</span>', name, shown)


def badges(customer: Customer) -> SafeString:
    return format_html_join("", "{}", ((badge.show(customer),) for badge in parts.badges))


def notices(customer: Customer | None) -> SafeString:
    """What the badges say, each in a line of its own with a link: for a page about him or about what is his."""
    told = [badge.tell(customer) for badge in parts.badges if badge.tell] if customer else []
    return format_html_join("", '<p class="crm-notice">{}</p>', ((line,) for line in told if line))


def told_name(customer: Customer | None) -> SafeString:
    """The linked name with the notices below: for the page of an order or a review."""
    return format_html("{}{}", linked_name(customer), notices(customer))


def marks(customer: Customer | None) -> SafeString:
    """What marks what he wrote."""
    found = [badge.mark(customer) for badge in parts.badges if badge.mark] if customer else []
    return format_html_join(" ", "{}", ((mark,) for mark in found if mark))


def _linked(badge: Badge, customer: Customer) -> SafeString | str:
    shown, url = badge.show(customer), badge.url(customer) if badge.url else ""
    return format_html('<a href="{}">{}</a>', url, shown) if shown and url else shown


def _of_badges() -> list[Annotate]:
    return [badge.annotate for badge in parts.badges]


def _called_in(account: Account) -> str:
    return account.nick or account.external_id


def _with_accounts(customers: CustomerQuerySet) -> CustomerQuerySet:
    accounts = Account.objects.select_related("source").order_by("pk")
    return customers.prefetch_related(Prefetch("accounts", accounts))


def _annotated(
    customers: CustomerQuerySet, annotations: list[Annotate], request: HttpRequest, at: datetime
) -> CustomerQuerySet:
    for annotate in dict.fromkeys(annotations):
        customers = annotate(customers, request, at)
    return customers

"""Who is taken for somebody banned, by confirmed links: the badge beside his name and the filter of the list."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import BooleanFilter

from blocklist.models import LinkMember, banned_by_link
from customers.admin.cells import badge
from customers.models import Customer

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def with_banned_link(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    this = Customer.objects.filter(pk=OuterRef("pk"))
    return customers.annotate(is_linked=Exists(banned_by_link(this, at=at)))


def linked_badge(customer: Any) -> SafeString | str:
    return badge(_("linked to a banned customer"), kind="danger") if customer.is_linked else ""


def linked_filter() -> BooleanFilter:
    choices = [("", _("any")), ("true", _("linked to a banned customer")), ("false", _("not linked to one"))]
    return BooleanFilter(label=gettext_lazy("Account link"), widget=forms.Select(choices=choices), method=_filter)


def _filter(customers: CustomerQuerySet, name: str, value: bool) -> CustomerQuerySet:
    members = Customer.objects.filter(pk__in=LinkMember.objects.values("customer"))
    linked = banned_by_link(members, at=timezone.now()).values("pk")
    return customers.filter(pk__in=linked) if value else customers.exclude(pk__in=linked)

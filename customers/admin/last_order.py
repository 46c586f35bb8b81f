"""The column of the customer list that shows the last order, with its flag and memo to change."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from customers.models import Order
from customers.parts import ListColumn

from .cells import NOTHING
from .order_flags import MAY_EDIT, order_flag, with_right_to_edit
from .staff import signed_in

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

FIELDS = ("id", "number", "flag", "memo")


def with_last_order(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """Adds what is shown of the last order, as `last_order_…`."""
    orders = Order.objects.filter(customer=OuterRef("pk")).order_by("-ordered_at", "-pk")
    shown: Any = {f"last_order_{name}": Subquery(orders.values(name)[:1]) for name in FIELDS}
    return with_right_to_edit(customers, signed_in(request)).annotate(**shown)


def show_last_order(customer: Any, request: HttpRequest) -> SafeString | str:
    user = signed_in(request)
    if customer.last_order_id is None or not user.has_perm("customers.view_order"):
        return NOTHING
    order = Order(**{name: getattr(customer, f"last_order_{name}") for name in FIELDS})
    may_edit = user.has_perm("customers.change_order") and getattr(customer, MAY_EDIT)
    flag = order_flag(order, request, may_edit=may_edit, in_form=True)
    link = format_html('<a class="crm-link" href="{}">{}</a>', order.get_absolute_url(), order.number)
    return format_html('<div class="crm-last-order">{}{}</div>', link, flag)


LAST_ORDER = ListColumn(name="last_order", label=_("last order"), annotate=with_last_order, show=show_last_order)

"""What stands on a customer's page around the form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from customers.models import Account, Agent, Binding, Customer, Order
from customers.parts import parts
from customers.services.contactability import contactability

from .binding_forms import AgentForm
from .cells import moment, money
from .customer_contacts import contacts_context
from .customer_notes import notes_context
from .customer_rows import customer_name, notices, with_columns
from .customer_timeline import timeline_context
from .order_flags import order_flag
from .staff import signed_in

SHOWN_ORDERS = 5
SHOWN_BINDINGS = 5


def customer_page(customer: Customer, request: HttpRequest, *, at: datetime) -> dict[str, Any]:
    """The context of the page; a fixed number of queries."""
    row = with_columns(Customer.objects.filter(pk=customer.pk), request, at).get()
    may_edit = Customer.objects.editable_by(signed_in(request)).filter(pk=row.pk).exists()
    return {
        "row": row,
        "row_name": customer_name(row),
        "notices": notices(row),
        "row_actions": [column.show(row, request) for column in parts.list_columns if column.is_last],
        "figures": figures(row),
        "accounts": _accounts(row),
        **_bindings(row),
        "orders": last_orders(row, SHOWN_ORDERS, request) if request.user.has_perm("customers.view_order") else None,
        "boxes": _boxes(row, request, at),
        "answers": answers(row, request, at=at),
        "may_edit": may_edit,
        **contacts_context(row, request),
        **notes_context(row, request, may_edit=may_edit),
        **timeline_context(row, request, at=at),
        **(giving(row, request) if may_edit else {}),
    }


def answers(customer: Customer, request: HttpRequest, *, at: datetime) -> list[dict[str, Any]]:
    """Whether he can buy and be messaged, each with its reasons and when they came about."""
    return [
        {"answer": answer, "reasons": [(reason, moment(reason.at)) for reason in answer.reasons]}
        for answer in contactability(customer, seen=Customer.objects.visible_to(signed_in(request)), at=at)
    ]


def figures(customer: Customer) -> list[tuple[str, str]]:
    """The trade figures, each with its label."""
    return [
        (_("trade count"), str(customer.trade_count)),
        (_("trade amount"), money(customer.trade_amount)),
        (_("item count"), str(customer.item_count)),
        (_("average price"), money(customer.avg_price)),
        (_("closed trades"), str(customer.close_trade_count)),
        (_("closed amount"), money(customer.close_trade_amount)),
        (_("last trade"), moment(customer.last_trade_at)),
        (_("known since"), moment(customer.registered_at)),
    ]


def _accounts(customer: Customer) -> QuerySet[Account]:
    accounts = Account.objects.filter(customer=customer).select_related("source")
    return accounts.prefetch_related("former_nicks").order_by("pk")


def _bindings(customer: Customer) -> dict[str, Any]:
    """The last stretches of time in which he belonged to an agent; his timeline tells of all."""
    rows = Binding.objects.filter(customer=customer).select_related("agent", "by").order_by("-started_at", "-pk")
    shown = list(rows[: SHOWN_BINDINGS + 1])
    return {"bindings": shown[:SHOWN_BINDINGS], "has_more_bindings": len(shown) > SHOWN_BINDINGS}


def last_orders(customer: Customer, count: int, request: HttpRequest) -> list[tuple[Order, str, SafeString]]:
    """The last orders, each with its amount, and its flag and memo as they are shown, or changed by one click."""
    user = signed_in(request)
    may_edit = Order.objects.editable_by(user).filter(customer=customer).exists()
    orders = Order.objects.filter(customer=customer).order_by("-ordered_at", "-pk")[:count]
    return [(order, money(order.amount), order_flag(order, request, may_edit=may_edit)) for order in orders]


def _boxes(customer: Customer, request: HttpRequest, at: datetime) -> list[SafeString]:
    """The boxes of upper apps, the nearest app first: it is ready last."""
    nearest_first = reversed(parts.boxes)
    return [render_to_string(box.template, box.context(customer, request, at), request) for box in nearest_first]


def giving(customer: Customer, request: HttpRequest) -> dict[str, Any]:
    """The forms to bind or hand over; whether he may is the service's to say, so only hopeless ones are left out."""
    may_give_any = request.user.has_perm("customers.bind_any_customer")
    own = Agent.objects.filter(user=signed_in(request), is_active=True).first()
    may_serve = own is not None and request.user.has_perm("customers.bind_customer")
    if customer.agent is None:
        return {"bind_to_me": own if may_serve else None, "agent_form": AgentForm() if may_give_any else None}
    may_hand_over = may_give_any or (may_serve and customer.agent == own)
    return {"bind_to_me": None, "agent_form": AgentForm() if may_hand_over else None}

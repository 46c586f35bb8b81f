"""The card that stands beside a chat window: paste what the chat shows of a buyer, read what to know of him."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from customers.models import Agent, Customer, Inquiry, User
from customers.parts import parts

from .customer_page import answers, figures, giving, last_orders
from .customer_rows import customer_name, with_columns, with_names
from .staff import seen_customer, signed_in

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

SHOWN_MATCHES = 8
SHOWN_ORDERS = 3


class CardQuery(forms.Form):
    """What the address asks for: a text to search, or one customer chosen from several."""

    q = forms.CharField(max_length=200, required=False)
    customer = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


def card_view(request: HttpRequest) -> HttpResponse:
    """Show the one customer who is meant, the few who could be, or what to do."""
    if not signed_in(request).has_perm("customers.view_customer"):
        raise PermissionDenied
    query, at = CardQuery(request.GET), timezone.now()
    asked = query.cleaned_data if query.is_valid() else {}
    text, chosen = asked.get("q", ""), asked.get("customer")
    if chosen:
        found = [seen_customer(request, chosen)]
    else:
        found = list(matches(text, signed_in(request))[: SHOWN_MATCHES + 1]) if text else []
    shown: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Customer card"),
        "query": text,
        "is_invalid": not query.is_valid(),
        "has_more": len(found) > SHOWN_MATCHES,
    }
    if len(found) == 1:
        shown |= card_of(found[0], request, at=at)
    elif found:
        shown["matches"] = _names([customer.pk for customer in found[:SHOWN_MATCHES]], request, at=at)
    return TemplateResponse(request, "admin/customers/card/page.html", shown)


def matches(text: str, user: User) -> CustomerQuerySet:
    """Whom the text means, of those whom the user sees: who has exactly this nick, else whom the search finds."""
    seen = Customer.objects.visible_to(user).order_by("pk")
    called = seen.called(text)
    return called if called.exists() else seen.search(text)


def _names(customers: list[int], request: HttpRequest, *, at: datetime) -> list[tuple[int, SafeString]]:
    rows = with_names(Customer.objects.filter(pk__in=customers), request, at).order_by("pk")
    return [(row.pk, customer_name(row)) for row in rows]


def card_of(
    customer: Customer, request: HttpRequest, *, at: datetime, inquiry: Inquiry | None = None
) -> dict[str, Any]:
    """What the card tells of one customer, perhaps beside a conversation with him; a fixed number of queries."""
    user = signed_in(request)
    row = with_columns(Customer.objects.filter(pk=customer.pk), request, at).get()
    bind_to_me = giving(row, request)["bind_to_me"]
    inquiries = Inquiry.objects.running().visible_to(user).filter(customer=row)
    running = inquiries.first() if user.has_perm("customers.view_inquiry") else None
    return {
        "row": row,
        "row_name": customer_name(row),
        "row_actions": _row_actions(row, request, inquiry or running),
        "boxes": [render_to_string(box.template, box.context(row, request, at), request) for box in parts.card_boxes],
        "answers": answers(row, request, at=at),
        "figures": figures(row),
        "orders": last_orders(row, SHOWN_ORDERS, request) if user.has_perm("customers.view_order") else None,
        "inquiry": running,
        "bind_to_me": bind_to_me,
        "advice": _advice(row, bind_to_me, user_id=user.pk),
    }


def _row_actions(row: Customer, request: HttpRequest, inquiry: Inquiry | None) -> list[SafeString | str]:
    """What can be done about him; beside a conversation it may refer to that."""
    return [
        column.show_in_talk(row, request, inquiry) if inquiry and column.show_in_talk else column.show(row, request)
        for column in parts.list_columns
        if column.is_last
    ]


def _advice(customer: Customer, bind_to_me: Agent | None, *, user_id: int) -> str:
    """What to do about who serves him."""
    if customer.agent is None:
        if bind_to_me is None:
            return _("Nobody serves this customer yet. A lead binds him to an agent.")
        return _("Nobody serves this customer yet. Bind him by one click, if you are serving him now.")
    if customer.agent.user_id == user_id:
        return _("This is your customer.")
    return _("%(agent)s (%(status)s) serves this customer. Pass his questions on, or ask a lead.") % {
        "agent": customer.agent,
        "status": customer.agent.get_status_display(),
    }

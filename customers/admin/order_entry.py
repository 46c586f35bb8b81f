"""An order that somebody of the staff enters, by phone or at the counter: it passes the gate like any other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from customers.gates import Decision, Door, Outcome
from customers.models import Order
from customers.services.orders import Intake, LineFacts, OrderFacts, take_order

from .buyer_form import BuyerForm, seen_buyer, shown_decision
from .staff import signed_in

LINES = 5


class OrderEntryForm(BuyerForm):
    """What the gate asks, and the order around it."""

    number = forms.CharField(label=gettext_lazy("Order number"), max_length=64, widget=UnfoldAdminTextInputWidget)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        max_digits=12,
        decimal_places=2,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=gettext_lazy("What the buyer is to pay, with postage."),
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        choices=[(status.value, status.label) for status in (Order.Status.UNPAID, Order.Status.PAID)],
        widget=UnfoldAdminSelectWidget,
    )
    buyer_message = forms.CharField(
        label=gettext_lazy("Buyer's message"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    field_order = ("source", "number")

    def facts(self, lines: list[LineFacts], at: Any) -> OrderFacts:
        values = self.cleaned_data
        is_paid = values["status"] == Order.Status.PAID
        return OrderFacts(
            number=values["number"],
            amount=values["amount"],
            ordered_at=at,
            status=values["status"],
            paid_amount=values["amount"] if is_paid else Decimal(0),
            paid_at=at if is_paid else None,
            buyer_message=values["buyer_message"],
            lines=lines,
        )


class LineForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )
    product = forms.CharField(
        label=gettext_lazy("Product number"), required=False, max_length=100, widget=UnfoldAdminTextInputWidget
    )
    quantity = forms.IntegerField(
        label=gettext_lazy("Pieces"),
        required=False,
        min_value=1,
        max_value=100_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    price = forms.DecimalField(
        label=gettext_lazy("Price of a piece"),
        required=False,
        max_digits=12,
        decimal_places=2,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors and self.has_changed() and not (values.get("title") or values.get("product")):
            self.add_error("title", _("Say what is ordered: a title, or the number of a product."))
        return values

    def facts(self) -> LineFacts:
        values = self.cleaned_data
        return LineFacts(
            title=values["title"],
            product=values["product"],
            quantity=values["quantity"] or 1,
            price=values["price"] or Decimal(0),
        )


LineForms = forms.formset_factory(LineForm, extra=LINES, max_num=LINES, absolute_max=LINES)


def entry_view(request: HttpRequest) -> HttpResponse:
    """Enter an order: recorded, held for review, or refused with the reason, as the gate decides."""
    user = signed_in(request)
    if not user.has_perm("customers.add_order"):
        raise PermissionDenied
    is_sent = request.method == "POST"
    form = OrderEntryForm(request.POST if is_sent else None)
    lines = LineForms(request.POST if is_sent else None, prefix="lines")
    decision = None
    if is_sent and form.is_valid() & lines.is_valid():
        intake = _take(form, [line.facts() for line in lines if line.has_changed()], request)
        if intake is not None and intake.order is not None:
            _say(intake.order, intake.decision, request)
            return redirect(intake.order.get_absolute_url())
        decision = intake.decision if intake else None
    shown = {
        **admin.site.each_context(request),
        "title": _("Enter an order"),
        "form": form,
        "lines": lines,
        "shown": shown_decision(decision, user) if decision else None,
    }
    return TemplateResponse(request, "admin/customers/order/entry.html", shown)


def _take(form: OrderEntryForm, lines: list[LineFacts], request: HttpRequest) -> Intake | None:
    """Hand the order in. None where the form says what is wrong."""
    user, at = signed_in(request), timezone.now()
    source, buyer, number = form.cleaned_data["source"], form.buyer(), form.cleaned_data["number"]
    if seen_buyer(buyer, user)[1]:
        form.add_error(None, _("This is the customer of another agent."))
        return None
    if not Order.objects.filter(source=source, number=number).exists():
        intake = take_order(form.facts(lines, at), source=source, buyer=buyer, at=at, door=Door.ENTRY, by=user)
        if intake.created or intake.order is None:
            return intake
    form.add_error("number", _("This source already has an order with this number."))
    return None


def _say(order: Order, decision: Decision | None, request: HttpRequest) -> None:
    if decision is not None and decision.outcome is Outcome.REVIEW:
        told = {"number": order.number, "reason": decision.reason}
        messages.warning(request, _("Order %(number)s is held for review: %(reason)s.") % told)
    else:
        messages.success(request, _("Order %(number)s is recorded.") % {"number": order.number})

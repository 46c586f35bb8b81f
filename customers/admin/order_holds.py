"""Orders to review in the panel: the list of held orders, and the page on which one is released or closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from customers.models import Customer, Order, OrderHold, OrderLine, Refund
from customers.parts import parts
from customers.services import order_holds

from .base import Chip, PageAdmin, PanelChangeList
from .cells import NOTHING, badge, moment, money, staff_name
from .customer_rows import linked_name, with_names
from .staff import came_from, signed_in

DECIDED, ALL = "decided", "all"
OUTCOME_KINDS = {OrderHold.Outcome.RELEASED: "success", OrderHold.Outcome.OVERDUE: "warning"}


class DecisionForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "Closing needs one. Colleagues and the shop's own software read it, the buyer does not."
        ),
    )


class StateFilter(admin.SimpleListFilter):
    """What waits, unless something else is chosen."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(DECIDED, _("decided")), (ALL, _("all"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("to review")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderHold]) -> QuerySet[OrderHold]:
        if self.value() == ALL:
            return queryset
        return queryset.filter(decided_at__isnull=self.value() != DECIDED)


class MineFilter(admin.SimpleListFilter):
    title = gettext_lazy("whose")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("of customers whom I serve"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderHold]) -> QuerySet[OrderHold]:
        if self.value() != "yes":
            return queryset
        served = Customer.objects.served_now_by(signed_in(request), at=timezone.now())
        return queryset.filter(order__customer__in=served)


class CodeFilter(admin.SimpleListFilter):
    """By the reasons that the house knows, in words."""

    title = gettext_lazy("why")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(words)) for code, words in parts.hold_reasons.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderHold]) -> QuerySet[OrderHold]:
        code = self.value()
        if code is None:
            return queryset
        if code not in parts.hold_reasons:
            raise IncorrectLookupParameters(code)
        return queryset.filter(code=code)


class OrderHoldChangeList(PanelChangeList):
    """The list with its quick choices, and with what each order is held for."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_entries(list(self.result_list))
        choices = [(_("To review"), {}), (_("Mine"), {"mine": "yes"}), (_("Decided"), {"state": DECIDED})]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


def with_entries(holds: list[OrderHold]) -> list[OrderHold]:
    """The same holds, each with the `entry` that made its order wait, or None."""
    entries = order_holds.entries([hold.pk for hold in holds])
    for hold in holds:
        hold.entry = entries.get(hold.pk)  # type: ignore[attr-defined]
    return holds


@admin.register(OrderHold)
class OrderHoldAdmin(PageAdmin):
    """Whoever sees an order sees its holds; who may decide, the service says."""

    list_display = ("number", "buyer", "amount_shown", "why", "held", "left", "agent_shown", "action")
    list_filter = (StateFilter, MineFilter, CodeFilter, "order__source")
    search_fields = ("order__number__exact",)
    search_help_text = gettext_lazy("A whole order number")
    list_select_related = ("order", "decided_by")
    empty_list_text = gettext_lazy("No order waits for review.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OrderHoldChangeList]:
        return OrderHoldChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderHold]:
        customers = with_names(Customer.objects.select_related("agent"), request, timezone.now())
        holds = OrderHold.objects.visible_to(signed_in(request))
        return holds.prefetch_related(Prefetch("order__customer", customers))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What has waited longest is first; of what is decided, the latest."""
        return ("-decided_at", "-pk") if request.GET.get("state") == DECIDED else ("held_at", "pk")

    def page(self, request: HttpRequest, row: OrderHold) -> HttpResponse:
        return decision_view(request, row)

    @admin.display(description=gettext_lazy("order"), ordering="order__number")
    def number(self, hold: OrderHold) -> str:
        return hold.order.number

    @admin.display(description=gettext_lazy("customer"))
    def buyer(self, hold: OrderHold) -> SafeString | str:
        return linked_name(hold.order.customer)

    @admin.display(description=gettext_lazy("amount"), ordering="order__amount")
    def amount_shown(self, hold: OrderHold) -> SafeString:
        return amount(hold)

    @admin.display(description=gettext_lazy("why"), ordering="code")
    def why(self, hold: OrderHold) -> SafeString:
        return why(hold)

    @admin.display(description=gettext_lazy("held"), ordering="held_at")
    def held(self, hold: OrderHold) -> str:
        return moment(hold.held_at)

    @admin.display(description=gettext_lazy("time left, or decision"))
    def left(self, hold: OrderHold) -> SafeString | str:
        return state(hold, at=timezone.now())

    @admin.display(description=gettext_lazy("exclusive agent"))
    def agent_shown(self, hold: OrderHold) -> str:
        customer = hold.order.customer
        return str(customer.agent) if customer and customer.agent else NOTHING

    @admin.display(description="")
    def action(self, hold: OrderHold) -> SafeString | str:
        return decision_link(hold) if hold.decided_at is None else ""


def history(order: Order) -> SafeString | str:
    """What an order was held for, and what became of it; empty where it never was."""
    holds = OrderHold.objects.filter(order=order).select_related("decided_by").order_by("-held_at", "-pk")
    rows = [(hold, why(hold), state(hold, at=timezone.now())) for hold in with_entries(list(holds))]
    return render_to_string("admin/customers/orderhold/history.html", {"rows": rows}) if rows else ""


def decision_view(request: HttpRequest, hold: OrderHold) -> HttpResponse:
    """The held order, with the form that decides on it for whoever may."""
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = _decide(request, hold.order, form.cleaned_data["reason"])
        except ValidationError as error:
            for sentences in error.message_dict.values():
                form.add_error("reason", sentences)
        except order_holds.NothingHeld as nothing:
            messages.warning(request, str(nothing))
            return redirect(hold)
        else:
            messages.success(request, done)
            return redirect(came_from(request, default=reverse("admin:customers_orderhold_changelist")))
    return _page(request, hold, form, at=timezone.now())


def _decide(request: HttpRequest, order: Order, reason: str) -> str:
    """Do what was chosen, and say so."""
    by, at, said = signed_in(request), timezone.now(), {"number": order.number}
    if request.POST.get("decision") == "release":
        order_holds.release(order, by=by, at=at, reason=reason)
        return _("Order %(number)s is released.") % said
    if request.POST.get("decision") == "refund":
        order_holds.close_order(order, by=by, at=at, reason=reason, refund=True)
        return _("Order %(number)s is closed, and its money is asked back.") % said
    if request.POST.get("decision") == "close":
        order_holds.close_order(order, by=by, at=at, reason=reason)
        return _("Order %(number)s is closed.") % said
    raise ValidationError({"reason": _("Choose whether the order is released or closed.")})


def _page(request: HttpRequest, hold: OrderHold, form: DecisionForm, *, at: datetime) -> TemplateResponse:
    user, order = signed_in(request), hold.order
    with_entries([hold])
    shown = {
        **admin.site.each_context(request),
        "title": _("Review of order %(number)s") % {"number": order.number},
        "hold": hold,
        "order": order,
        "buyer": linked_name(order.customer),
        "why": why(hold),
        "state": state(hold, at=at),
        "facts": _facts(hold),
        "lines": OrderLine.objects.filter(order=order).order_by("line_number", "pk"),
        "refunds": [
            (money(refund.amount), refund.get_status_display()) for refund in Refund.objects.filter(order=order)
        ],
        "form": form,
        "is_paid": order_holds.is_paid(order, hold),
        "why_not": order_holds.why_may_not_review(order, user, at=at) if hold.decided_at is None else "",
        "why_not_closed": order_holds.why_not_closed(order, hold, user),
        "next": came_from(request, default=reverse("admin:customers_orderhold_changelist")),
    }
    return TemplateResponse(request, "admin/customers/orderhold/page.html", shown)


def _facts(hold: OrderHold) -> list[tuple[str, str]]:
    order = hold.order
    return [
        (_("amount"), money(order.amount)),
        (_("amount paid"), money(order.paid_amount)),
        (_("status"), order.get_status_display()),
        (_("status before"), hold.get_status_before_display()),
        (_("ordered"), moment(order.ordered_at)),
        (_("source"), str(order.source)),
        (_("held"), moment(hold.held_at)),
        (_("held by"), staff_name(hold.held_by) if hold.held_by else _("the purchase gate")),
    ]


def why(hold: OrderHold) -> SafeString:
    """The code in words, and the entry that hit, where one is known."""
    words, entry = order_holds.hold_words(hold.code), getattr(hold, "entry", None)
    if entry is None:
        return format_html("{}", words)
    # one element: on a phone the parts of a cell stand side by side
    return format_html('<span>{}<br><a class="crm-link" href="{}">{}</a></span>', words, entry.url, entry.text)


def amount(hold: OrderHold) -> SafeString:
    """With whether it is paid: then closing it means a refund."""
    paid = badge(_("paid"), kind="success") if order_holds.is_paid(hold.order, hold) else ""
    return format_html("{} {}", money(hold.order.amount), paid)


def state(hold: OrderHold, *, at: datetime) -> SafeString | str:
    """How long it still waits for a person; of a decided one what became of it, who decided, and when."""
    if hold.decided_at is not None:
        outcome = OrderHold.Outcome(hold.outcome)
        shown = badge(str(outcome.label), kind=OUTCOME_KINDS.get(outcome, "plain"), title=hold.reason)
        who = f"{staff_name(hold.decided_by)}, " if hold.decided_by else ""
        return format_html("{} {}{}", shown, who, moment(hold.decided_at))
    released_at = hold.released_at()
    if released_at is None:
        return _("not by itself")
    left = timeuntil(released_at, at) if released_at > at else _("any moment")
    return format_html('<span title="{}">{}</span>', moment(released_at), left)


def decision_link(hold: OrderHold) -> SafeString:
    return format_html('<a class="crm-button is-small is-plain" href="{}">{}</a>', hold.get_absolute_url(), _("Decide"))

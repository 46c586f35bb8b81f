"""The open orders of a buyer on the form that bans him: a choice for each, and for all where many are banned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from blocklist.models import OrderChoice
from blocklist.services.open_orders import FOR_ALL
from customers.admin.cells import moment, money
from customers.models import Customer, Order, User
from customers.row_ids import row_id
from customers.services import order_holds

Choice = OrderChoice.Choice
# Further ones get one choice together.
SHOWN_ORDERS = 20
PREFIX = "order-"


def for_all() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext_lazy("Open orders"),
        choices=[(choice.value, choice.label) for choice in FOR_ALL],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Unpaid ones, and paid ones that are not sent. What is on its way is never touched."),
    )


class OrderChoiceField(forms.ChoiceField):
    """Offers what suits the order as it is; of what does not suit it any more, the service says why."""

    widget = UnfoldAdminSelectWidget

    def valid_value(self, value: Any) -> bool:
        return value in Choice.values


@dataclass(frozen=True)
class Row:
    """One open order with its choice."""

    order: Order
    amount: str
    ordered: str
    field: forms.BoundField


class OpenOrdersForm(forms.Form):
    """A field for each of the latest open orders, and one for all others where there are more. Nothing is required:
    what is not chosen is kept.
    """

    def __init__(self, *args: Any, customer: Customer, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        opened = Order.objects.open().filter(customer=customer).order_by("-ordered_at", "-pk")
        self._orders = list(opened.prefetch_related("holds")[:SHOWN_ORDERS])
        self.further_count = opened.count() - len(self._orders) if len(self._orders) == SHOWN_ORDERS else 0
        for order in self._orders:
            self.fields[_field_name(order)] = _choice_field(order, user)
        if self.further_count:
            self.fields["open_orders"] = for_all()

    def rows(self) -> list[Row]:
        return [
            Row(order, money(order.amount), moment(order.ordered_at), self[_field_name(order)])
            for order in self._orders
        ]

    def decisions(self) -> dict[str, Any]:
        """The arguments that `ban_purchase` takes: choices for all orders that were asked about, still open or not."""
        asked = {name.removeprefix(PREFIX): value for name, value in self.data.items() if name.startswith(PREFIX)}
        chosen = {pk: value or Choice.KEEP.value for text, value in asked.items() if (pk := row_id(text)) is not None}
        return {"orders": chosen, "open_orders": self.cleaned_data.get("open_orders") or Choice.KEEP.value}


def _field_name(order: Order) -> str:
    return f"{PREFIX}{order.pk}"


def _choice_field(order: Order, user: User) -> OrderChoiceField:
    """What this staff user may choose for the order: a held one goes on waiting unless it is closed."""
    hold = next((hold for hold in order.holds.all() if hold.decided_at is None), None)
    choices: list[tuple[str, Any]] = [(Choice.KEEP.value, Choice.KEEP.label), (Choice.HOLD.value, Choice.HOLD.label)]
    if hold:
        choices = [(Choice.KEEP.value, gettext_lazy("keep: it goes on waiting for review"))]
    if not order_holds.is_paid(order, hold):
        choices.append((Choice.CLOSE.value, Choice.CLOSE.label))
    elif not order_holds.why_not_closed(order, hold, user):
        choices.append((Choice.REFUND.value, Choice.REFUND.label))
    return OrderChoiceField(label=order.number, choices=choices, required=False)

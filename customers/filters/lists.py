"""The filters of orders and inquiries."""

from __future__ import annotations

from django.utils.translation import gettext_lazy
from django_filters import CharFilter, ChoiceFilter, ModelChoiceFilter, NumberFilter

from customers.models import Agent, Inquiry, Order, Source

from .strict import EndFilter, MomentFilter, StrictFilterSet


class InquiryFilter(StrictFilterSet):
    state = ChoiceFilter(choices=Inquiry.State.choices, label=gettext_lazy("state"))
    agent = ModelChoiceFilter(
        queryset=Agent.objects.all(), null_label=gettext_lazy("nobody"), label=gettext_lazy("agent")
    )
    source = ModelChoiceFilter(queryset=Source.objects.all(), to_field_name="code", label=gettext_lazy("source"))
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))

    class Meta:
        model = Inquiry
        fields: list[str] = []


class OrderFilter(StrictFilterSet):
    number = CharFilter(max_length=64, label=gettext_lazy("order number"))
    status = ChoiceFilter(choices=Order.Status.choices, label=gettext_lazy("status"))
    source = ModelChoiceFilter(queryset=Source.objects.all(), to_field_name="code", label=gettext_lazy("source"))
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))
    ordered_from = MomentFilter(field_name="ordered_at", lookup_expr="gte", label=gettext_lazy("ordered from"))
    ordered_to = EndFilter(field_name="ordered_at", lookup_expr="lte", label=gettext_lazy("ordered to"))

    class Meta:
        model = Order
        fields: list[str] = []

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Order, OrderLine, Refund

from .base import PanelAdmin, ReadOnlyInline
from .cells import badge, flag_dot, moment, money
from .customer_rows import linked_name, with_names

KINDS = {Order.Status.DONE: "success", Order.Status.CLOSED: "plain", Order.Status.HELD: "warning"}


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = readonly_fields = ("product", "title", "quantity", "price")
    verbose_name_plural = _("what was ordered")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product").order_by("line_number", "pk")


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = readonly_fields = ("number", "amount", "status", "reason", "asked_at", "settled_at")
    verbose_name_plural = _("refunds")


@admin.register(Order)
class OrderAdmin(PanelAdmin):
    list_display = ("number", "flag_shown", "buyer", "status_badge", "amount_shown", "paid_shown", "ordered", "source")
    list_select_related = ("source",)
    list_filter = ("status", "flag", "source")
    search_fields = ("number__exact",)
    search_help_text = _("A whole order number")
    ordering = ("-ordered_at", "-pk")
    inlines = (OrderLineInline, RefundInline)
    empty_list_text = _("No orders yet. Import a shop: python manage.py import_shop FORMAT PATH")
    facts = (
        "number",
        "source",
        "buyer",
        "status_badge",
        "close_reason",
        "amount_shown",
        "postage_shown",
        "paid_shown",
        "ordered_at",
        "paid_at",
        "sent_at",
        "done_at",
        "closed_at",
        "buyer_message",
    )
    fieldsets = (
        (None, {"fields": ("flag", "memo")}),
        (_("Facts from the shop"), {"fields": facts}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.facts

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        return super().get_queryset(request).prefetch_related(Prefetch("customer", customers))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("flag"), ordering="flag")
    def flag_shown(self, order: Order) -> SafeString:
        return flag_dot(order)

    @admin.display(description=_("customer"))
    def buyer(self, order: Order) -> SafeString | str:
        return linked_name(order.customer)

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, order: Order) -> SafeString:
        return badge(order.get_status_display(), kind=KINDS.get(Order.Status(order.status), "info"))

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, order: Order) -> str:
        return money(order.amount)

    @admin.display(description=_("postage"))
    def postage_shown(self, order: Order) -> str:
        return money(order.postage)

    @admin.display(description=_("amount paid"), ordering="paid_amount")
    def paid_shown(self, order: Order) -> str:
        return money(order.paid_amount)

    @admin.display(description=_("ordered"), ordering="ordered_at")
    def ordered(self, order: Order) -> str:
        return moment(order.ordered_at)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Order, OrderHold, OrderLine, Refund, User

from .base import PanelAdmin, ReadOnlyInline
from .cells import badge, moment, money
from .customer_rows import linked_name, told_name, with_names
from .order_entry import entry_view
from .order_flags import MAY_EDIT, flag_view, memo_view, order_flag, with_right_to_edit
from .order_holds import history
from .staff import signed_in

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
    own_columns = ("buyer", "status_badge", "amount_shown", "paid_shown", "ordered", "source")
    list_select_related = ("source",)
    list_filter = ("status", "flag", "source")
    search_fields = ("number__exact",)
    search_help_text = _("A whole order number")
    ordering = ("-ordered_at", "-pk")
    inlines = (OrderLineInline, RefundInline)
    add_text = _("Enter an order")
    empty_list_text = _("No orders yet. Import a file, or a shop: python manage.py import_shop FORMAT PATH")
    facts = (
        "number",
        "source",
        "buyer_told",
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

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None or not OrderHold.objects.filter(order=obj.pk).exists():
            return self.fieldsets
        return ((None, {"fields": ("holds",)}), *self.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*self.facts, "holds")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["number", _flag_column(signed_in(request), request), *self.own_columns]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        customers = with_names(with_right_to_edit(Customer.objects.all(), signed_in(request)), request, timezone.now())
        return Order.objects.visible_to(signed_in(request)).prefetch_related(Prefetch("customer", customers))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/flag/", self.admin_site.admin_view(flag_view), name="customers_order_flag"),
            path("<int:pk>/memo/", self.admin_site.admin_view(memo_view), name="customers_order_memo"),
        ]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return signed_in(request).has_perm("customers.add_order")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return entry_view(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is None:
            return super().has_change_permission(request)
        return Order.objects.editable_by(signed_in(request)).filter(pk=obj.pk).exists()

    @admin.display(description=_("customer"))
    def buyer(self, order: Order) -> SafeString | str:
        return linked_name(order.customer)

    @admin.display(description=_("customer"))
    def buyer_told(self, order: Order) -> SafeString:
        return told_name(order.customer)

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, order: Order) -> SafeString:
        return badge(order.get_status_display(), kind=KINDS.get(Order.Status(order.status), "info"))

    @admin.display(description=_("held for review"))
    def holds(self, order: Order) -> SafeString | str:
        return history(order)

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


def _flag_column(user: User, request: HttpRequest) -> Callable[[Order], SafeString]:
    may_change = user.has_perm("customers.change_order")

    def flag_shown(order: Order) -> SafeString:
        may_edit = may_change and (order.customer is None or getattr(order.customer, MAY_EDIT))
        return order_flag(order, request, may_edit=may_edit, in_form=True)

    return admin.display(description=_("flag and memo"), ordering="flag")(flag_shown)

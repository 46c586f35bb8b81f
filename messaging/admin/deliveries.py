from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Case, Prefetch, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.paginator import InfinitePaginator

from blocklist.admin.why import why
from blocklist.models import Ban, ban_then
from customers.admin.base import PanelChangeList, ReadOnlyAdmin
from customers.admin.cells import NOTHING, moment
from customers.admin.customer_rows import linked_name, with_names
from customers.admin.staff import of_seen_customers
from customers.models import Customer
from customers.row_ids import row_id
from messaging.models import Broadcast, Delivery
from messaging.rendering import title

from .figures import delivery_badge, figures

WITH_BANS = [Delivery.Reason.BANNED, Delivery.Reason.LINKED]


class LedgerList(PanelChangeList):
    """The list with the bans behind its exclusions, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        bans = _bans().in_bulk([row.ban_then for row in rows if row.ban_then])
        for row in rows:
            row.ban = bans.get(row.ban_then)
        self.result_list = rows


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The ledger: opened for one broadcast (`?broadcast=`) or one customer (`?customer=`)."""

    list_display = ("customer_link", "state_shown", "why_not", "settled", "broadcast_link")
    list_display_links = None
    fields = ("customer_link", "state_shown", "why_not", "planned_at", "settled", "broadcast_link")
    list_filter = ("state", "reason")
    ordering = ("-pk",)
    search_fields = ("customer",)  # shows the box; what it finds is the customers' own search
    search_help_text = gettext_lazy("Nick, phone, e-mail or order number")
    actions = None
    show_facets = admin.ShowFacets.NEVER
    list_before_template = "admin/messaging/delivery/ledger_head.html"
    empty_list_text = gettext_lazy("Nothing has been sent yet. Announce a new product: its ledger stands here.")

    class Media:
        css = {"all": ["messaging/messaging.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LedgerList]:
        return LedgerList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.list_display[:-1] if "broadcast" in request.GET else self.list_display

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Within a broadcast in the order of its index, which shows first who got nothing; else the newest first."""
        return ("state", "reason", "pk") if "broadcast" in request.GET else self.ordering

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(Delivery.objects.select_related("broadcast__product"), request)
        by_ban = When(reason__in=WITH_BANS, then=ban_then(customer="customer", at="settled_at"))
        return rows.annotate(ban_then=Case(by_ban)).prefetch_related(Prefetch("customer", customers))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(customer__in=Customer.objects.search(search_term).order_by().values("pk")), False

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator[Delivery]:
        """Counts within a broadcast or a customer, where an index does it; all rows of all times are not counted."""
        if {"broadcast", "customer"} & request.GET.keys():
            return Paginator(*args, **kwargs)
        without_count: Paginator[Delivery] = InfinitePaginator(*args, **kwargs)
        return without_count

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        asked = row_id(request.GET.get("broadcast"))
        broadcast = Broadcast.objects.select_related("product").filter(pk=asked).first() if asked else None
        context: dict[str, Any] = {"title": _("Ledger")}
        if broadcast:
            shown = figures(broadcast, at=timezone.now())
            context |= {"broadcast": broadcast, "heading": title(broadcast), "figures": shown}
        page: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return page

    @admin.display(description=gettext_lazy("customer"))
    def customer_link(self, delivery: Delivery) -> SafeString | str:
        return linked_name(delivery.customer)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, delivery: Delivery) -> SafeString:
        return delivery_badge(delivery)

    @admin.display(description=gettext_lazy("why not"))
    def why_not(self, delivery: Any) -> SafeString | str:
        """The stored reason; where it was a ban, the one that stood when the row was settled, whatever became of it."""
        reason = delivery.get_reason_display() or NOTHING
        ban = _ban_then(delivery)
        return format_html('<span>{}<br><span class="crm-hint">{}</span></span>', reason, why(ban)) if ban else reason

    @admin.display(description=gettext_lazy("settled"))
    def settled(self, delivery: Delivery) -> str:
        return moment(delivery.settled_at)

    @admin.display(description=gettext_lazy("broadcast"))
    def broadcast_link(self, delivery: Delivery) -> SafeString:
        return format_html('<a href="{}">{}</a>', delivery.broadcast.get_absolute_url(), title(delivery.broadcast))


def _bans() -> QuerySet[Ban]:
    return Ban.objects.select_related("by", "lifted_by")


def _ban_then(delivery: Any) -> Ban | None:
    """The ban behind the exclusion; the list has it ready."""
    if hasattr(delivery, "ban"):
        found: Ban | None = delivery.ban
        return found
    return _bans().filter(pk=delivery.ban_then).first() if delivery.ban_then else None

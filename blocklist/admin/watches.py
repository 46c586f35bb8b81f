from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from blocklist.models import Watch
from blocklist.services.watches import page_of
from customers.admin.base import Chip, PanelChangeList, ReadOnlyAdmin
from customers.admin.cells import NOTHING, moment, staff_name
from customers.admin.customer_rows import customer_name, with_names
from customers.admin.staff import of_seen_customers, signed_in
from customers.models import Customer

from .watch_page import confirm_view, end_view, watch_view
from .watch_state import state_badge


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("confirmed", _("watched")), ("proposed", _("proposed by a rule")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Watch]) -> QuerySet[Watch]:
        standing = Watch.objects.standing(timezone.now())
        match self.value():
            case "confirmed":
                return queryset.filter(pk__in=standing.confirmed().values("pk"))
            case "proposed":
                return queryset.filter(pk__in=standing.proposed().values("pk"))
            case "over":
                return queryset.exclude(pk__in=standing.values("pk"))
        return queryset


class MineFilter(admin.SimpleListFilter):
    title = gettext_lazy("mine")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("customers", _("of my customers")), ("set", _("set or confirmed by me"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Watch]) -> QuerySet[Watch]:
        user = signed_in(request)
        if self.value() == "customers":
            return queryset.filter(customer__in=Customer.objects.served_by(user).values("pk"))
        return queryset.filter(confirmed_by=user) if self.value() == "set" else queryset


class WatchChangeList(PanelChangeList):
    """The list with its quick choices."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        choices: list[tuple[str, dict[str, str]]] = [
            (_("All entries"), {}),
            (_("Watched"), {"state": "confirmed"}),
            (_("Proposed by a rule"), {"state": "proposed"}),
            (_("Of my customers"), {"mine": "customers"}),
            (_("Set or confirmed by me"), {"mine": "set"}),
            (_("Over"), {"state": "over"}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    """The watch list. Entries are set, confirmed and ended on the customer's own page for it, and edited nowhere."""

    list_display = ("person", "state_shown", "type", "set_by", "started", "until_shown", "note", "ended_shown")
    list_filter = (StateFilter, MineFilter, "type")
    list_select_related = ("by", "confirmed_by", "ended_by")
    ordering = ("-started_at", "-pk")
    fields = ("person", "state_shown", "type", "note", "set_by", "started", "until_shown", "ended_shown", "end_reason")
    search_fields = ("customer",)  # shows the box; what it finds is the customers' own search
    search_help_text = gettext_lazy("Nick, phone, e-mail or order number")
    change_list_template = "admin/blocklist/ban/change_list.html"
    empty_list_text = gettext_lazy("Nobody is watched. One watches a customer on the customer's page.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WatchChangeList]:
        return WatchChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Watch]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Watch], search_term: str
    ) -> tuple[QuerySet[Watch], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(customer__in=Customer.objects.search(search_term).order_by().values("pk")), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One that stands is shown where it is confirmed and ended."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if found is not None and found.is_standing(timezone.now()):
            return redirect(page_of(found.customer_id))
        if found is None and self.has_view_permission(request):
            raise Http404
        page: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return page

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("customer/<int:pk>/", "customer", watch_view),
            ("<int:pk>/confirm/", "confirm", confirm_view),
            ("<int:pk>/end/", "end", end_view),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"blocklist_watch_{name}") for route, name, view in doors
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("customer"))
    def person(self, watch: Watch) -> SafeString:
        """In the list the name leads to the entry, as the first column does everywhere."""
        return customer_name(watch.customer)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, watch: Watch) -> SafeString:
        return state_badge(watch, timezone.now())

    @admin.display(description=pgettext_lazy("blocklist", "set by"))
    def set_by(self, watch: Watch) -> str:
        if watch.by is not None:
            return staff_name(watch.by)
        told = {"rule": watch.rule, "user": staff_name(watch.confirmed_by)}
        if watch.confirmed_by is None:
            return _("the rule “%(rule)s”") % told
        return _("the rule “%(rule)s”, confirmed by %(user)s") % told

    @admin.display(description=gettext_lazy("from"), ordering="started_at")
    def started(self, watch: Watch) -> str:
        return moment(watch.started_at)

    @admin.display(description=gettext_lazy("until"), ordering="until")
    def until_shown(self, watch: Watch) -> str:
        return moment(watch.until) if watch.until else _("without end")

    @admin.display(description=gettext_lazy("ended by"))
    def ended_shown(self, watch: Watch) -> str:
        return f"{staff_name(watch.ended_by)}, {moment(watch.ended_at)}" if watch.ended_by else NOTHING

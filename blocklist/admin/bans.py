from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from blocklist.models import Ban, Evidence
from customers.admin.base import Chip, PanelChangeList, ReadOnlyAdmin
from customers.admin.cells import NOTHING, moment, number, staff_name
from customers.admin.customer_rows import customer_name, with_names
from customers.admin.staff import of_seen_customers, signed_in
from customers.models import Customer
from customers.row_ids import row_id

from . import ban_lists
from .ban_page import add_evidence_view, ban_page, check_evidence_view, evidence_view
from .ban_pages import ask_view, ban_view, lift_view
from .ban_state import state_badge
from .confirmations import confirm_view
from .undo import undo_view

ENDING = "ending"
THIS_WEEK = timedelta(days=7)


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", _("standing")),
            (ENDING, _("ending this week")),
            ("confirm", _("to be confirmed")),
            ("lifted", _("lifted")),
            ("no", _("over")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ban]) -> QuerySet[Ban]:
        at = timezone.now()
        standing = Ban.objects.standing(at)
        match self.value():
            case "yes":
                return queryset.filter(pk__in=standing.values("pk"))
            case "ending":
                return queryset.filter(pk__in=standing.ending_before(at + THIS_WEEK).values("pk"))
            case "confirm":
                return queryset.filter(pk__in=standing.unconfirmed().values("pk"))
            case "lifted":
                return queryset.filter(lifted_by__isnull=False)
            case "no":
                return queryset.exclude(pk__in=standing.values("pk"))
        return queryset


class BanChangeList(PanelChangeList):
    """The list with its quick choices."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        choices: list[tuple[str, dict[str, str]]] = [
            (_("All bans"), {}),
            (_("Standing"), {"standing": "yes"}),
            (_("Ending this week"), {"standing": ENDING}),
            (_("To be confirmed"), {"standing": "confirm"}),
            (pgettext("bans", "Lifted"), {"standing": "lifted"}),
            (_("Set by me"), {"by__id__exact": str(signed_in(request).pk)}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(Ban)
class BanAdmin(ReadOnlyAdmin):
    """The list of bans. They are set and lifted on pages of their own, by the services, and edited nowhere."""

    list_display = ("banned_person", "type", "state_badge", "started", "until_shown", "actor", "evidence_shown")
    list_filter = (StandingFilter, "type", "by")
    list_select_related = ("by",)
    ordering = ("-started_at", "-pk")
    search_fields = ("customer",)  # shows the box; what it finds is the customers' own search
    search_help_text = gettext_lazy("Nick, phone, e-mail or order number")
    empty_list_text = gettext_lazy(
        "Nobody was banned yet. The customer list has “Ban purchase” at the right of every row."
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BanChangeList]:
        return BanChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ban]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows: QuerySet[Ban] = of_seen_customers(super().get_queryset(request), request)
        counted = rows.annotate(evidence_count=Evidence.objects.count_of_ban())
        return counted.prefetch_related(Prefetch("customer", customers))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ban], search_term: str
    ) -> tuple[QuerySet[Ban], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(customer__in=Customer.objects.search(search_term).order_by().values("pk")), False

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "days_left") if _asks_for_ending(request) else self.list_display

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What ends this week is shown with the soonest first."""
        return ("until", "pk") if _asks_for_ending(request) else self.ordering

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = {"title": _("Bans ending this week")} if _asks_for_ending(request) else {}
        page: HttpResponse = super().changelist_view(request, {**title, **(extra_context or {})})
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            raise PermissionDenied
        return ban_page(request, row_id(object_id) or 0)

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, str, Callable[..., HttpResponseBase]]] = [
            ("customer/<int:pk>/ban/", "blocklist_ban_customer", ban_view),
            ("customer/<int:pk>/lift/", "blocklist_lift_customer", lift_view),
            ("customer/<int:pk>/request/", "blocklist_request_ban", ask_view),
            ("<int:pk>/confirm/", "blocklist_ban_confirm", confirm_view),
            ("<int:pk>/evidence/", "blocklist_ban_evidence", add_evidence_view),
            ("evidence/<int:pk>/", "blocklist_evidence", evidence_view),
            ("evidence/<int:pk>/check/", "blocklist_evidence_check", check_evidence_view),
            ("job/<int:pk>/undo/", "blocklist_undo_job", undo_view),
            ("import/", "blocklist_list_upload", ban_lists.upload_view),
            ("import/template/", "blocklist_list_template", ban_lists.template_view),
            ("import/<int:source>/<str:token>/", "blocklist_list_preview", ban_lists.preview_view),
            ("import/<int:source>/<str:token>/rejects/", "blocklist_list_rejects", ban_lists.rejects_view),
            ("export/", "blocklist_export", ban_lists.export_view),
        ]
        own = [path(route, self.admin_site.admin_view(view), name=name) for route, name, view in doors]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("customer"))
    def banned_person(self, ban: Ban) -> SafeString:
        """In the list the name leads to the ban, as the first column does everywhere."""
        return customer_name(ban.customer)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, ban: Ban) -> SafeString:
        return state_badge(ban, timezone.now())

    @admin.display(description=gettext_lazy("from"), ordering="started_at")
    def started(self, ban: Ban) -> str:
        return moment(ban.started_at)

    @admin.display(description=gettext_lazy("until"), ordering="until")
    def until_shown(self, ban: Ban) -> str:
        return moment(ban.until) if ban.until else _("without end")

    @admin.display(description=gettext_lazy("banned by"))
    def actor(self, ban: Ban) -> str:
        return staff_name(ban.by)

    @admin.display(description=gettext_lazy("evidence"))
    def evidence_shown(self, ban: Any) -> str:
        return number(ban.evidence_count) if ban.evidence_count else NOTHING

    @admin.display(description=gettext_lazy("days left"), ordering="until")
    def days_left(self, ban: Ban) -> str:
        if ban.until is None:
            return NOTHING
        days = (timezone.localdate(ban.until) - timezone.localdate()).days
        if days <= 0:
            return pgettext("ends", "today")
        return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


def _asks_for_ending(request: HttpRequest) -> bool:
    return request.GET.get("standing") == ENDING

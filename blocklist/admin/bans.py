from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Ban
from customers.admin.base import ReadOnlyAdmin
from customers.admin.cells import badge, moment, staff_name
from customers.admin.customer_rows import customer_name, linked_name, with_names
from customers.admin.staff import of_seen_customers
from customers.models import Customer

from .ban_pages import ban_view, lift_view
from .undo import undo_view


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("standing")), ("no", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ban]) -> QuerySet[Ban]:
        if self.value() is None:
            return queryset
        standing = Ban.objects.standing(timezone.now()).values("pk")
        return queryset.filter(pk__in=standing) if self.value() == "yes" else queryset.exclude(pk__in=standing)


@admin.register(Ban)
class BanAdmin(ReadOnlyAdmin):
    """The list of bans. They are set and lifted on pages of their own, by the services, and edited nowhere."""

    list_display = ("banned_person", "type", "state_badge", "started", "until_shown", "actor")
    list_filter = (StandingFilter, "type", "by")
    list_select_related = ("by",)
    ordering = ("-started_at", "-pk")
    fields = (
        "buyer",
        "type",
        "state_badge",
        "note",
        "started_at",
        "until_shown",
        "actor",
        "by_manager",
        "ended_at",
        "lifter",
        "lift_reason",
    )
    empty_list_text = gettext_lazy(
        "Nobody was banned yet. The customer list has “Ban purchase” at the right of every row."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ban]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("customer/<int:pk>/ban/", self.admin_site.admin_view(ban_view), name="blocklist_ban_customer"),
            path("customer/<int:pk>/lift/", self.admin_site.admin_view(lift_view), name="blocklist_lift_customer"),
            path("job/<int:pk>/undo/", self.admin_site.admin_view(undo_view), name="blocklist_undo_job"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("customer"))
    def banned_person(self, ban: Ban) -> SafeString:
        """In the list the name leads to the ban, as the first column does everywhere."""
        return customer_name(ban.customer)

    @admin.display(description=gettext_lazy("customer"))
    def buyer(self, ban: Ban) -> SafeString | str:
        return linked_name(ban.customer)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, ban: Ban) -> SafeString:
        if ban.is_standing(timezone.now()):
            return badge(_("standing"), kind="danger")
        if ban.lifted_by_id is not None:
            return badge(_("lifted"), kind="plain", title=ban.lift_reason)
        return badge(_("run out"), kind="plain")

    @admin.display(description=gettext_lazy("from"), ordering="started_at")
    def started(self, ban: Ban) -> str:
        return moment(ban.started_at)

    @admin.display(description=gettext_lazy("until"), ordering="until")
    def until_shown(self, ban: Ban) -> str:
        return moment(ban.until) if ban.until else _("without end")

    @admin.display(description=gettext_lazy("banned by"))
    def actor(self, ban: Ban) -> str:
        return staff_name(ban.by)

    @admin.display(description=gettext_lazy("lifted by"))
    def lifter(self, ban: Ban) -> str:
        return staff_name(ban.lifted_by)

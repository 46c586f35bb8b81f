"""The working hours and closed days of the whole shop; an agent's own stand on his page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import ClosedDay, WorkingHours

from .base import PanelAdmin


class OfShopAdmin(PanelAdmin):
    """Rows that belong to no agent. They tell what is to come, so they may be deleted."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        of_shop: QuerySet[Any] = super().get_queryset(request).filter(agent__isnull=True)
        return of_shop

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """For whoever keeps them; everybody else is told when it matters."""
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm(f"customers.delete_{self.opts.model_name}"))


@admin.register(WorkingHours)
class WorkingHoursAdmin(OfShopAdmin):
    list_display = ("weekday", "starts_at", "ends_at")
    ordering = ("weekday", "starts_at", "pk")
    fields = ("weekday", "starts_at", "ends_at")
    empty_list_text = _("The shop has no working hours, so it is always open. Add them for each weekday.")


@admin.register(ClosedDay)
class ClosedDayAdmin(OfShopAdmin):
    list_display = ("day", "name")
    ordering = ("-day", "pk")
    fields = ("day", "name")
    empty_list_text = _("No closed days. Add the holidays on which nobody works.")

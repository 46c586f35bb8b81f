from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import Group

from .base import PanelAdmin, SkinAdmin


@admin.register(Group)
class GroupAdmin(PanelAdmin):
    list_display = ("name", "customer_count")
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name",)
    empty_list_text = _("No groups yet. Add one here, then put customers into it on their pages.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        groups: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = groups.annotate(customer_count=Count("customers"))
        return counted

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # a label, not a fact: whoever has the right may delete it
        return SkinAdmin.has_delete_permission(self, request, obj)

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, group: Any) -> int:
        return int(group.customer_count)

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet, Count
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from customers.models import Group

from .base import PanelAdmin


@admin.register(Group)
class GroupAdmin(PanelAdmin):
    list_display = ("name", "customer_count")
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name",)
    empty_list_text = _("No groups yet. Add one here, then put customers into it on their pages.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(customer_count=Count("customers"))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # a label, not a fact: whoever has the right may delete it
        return ModelAdmin.has_delete_permission(self, request, obj)

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, group: Group) -> int:
        return group.customer_count

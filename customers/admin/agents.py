from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from customers.models import Agent

from .base import PanelAdmin
from .cells import badge

KINDS = {Agent.Status.ONLINE: "success", Agent.Status.SUSPENDED: "warning", Agent.Status.OFFLINE: "plain"}


@admin.register(Agent)
class AgentAdmin(PanelAdmin):
    list_display = ("display_name", "user", "status_badge", "is_active", "customer_count")
    list_select_related = ("user",)
    list_filter = ("status", "is_active")
    search_fields = ("display_name", "user__username")
    ordering = ("display_name", "pk")
    fields = ("user", "display_name", "status", "is_active")
    empty_list_text = _("No agents yet. Add one for each staff user who serves customers.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        agents: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = agents.annotate(customer_count=Count("customers"))
        return counted

    @admin.display(description=_("agent status"), ordering="status")
    def status_badge(self, agent: Agent) -> SafeString:
        return badge(agent.get_status_display(), kind=KINDS[Agent.Status(agent.status)])

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, agent: Any) -> int:
        return int(agent.customer_count)

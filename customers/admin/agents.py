from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from customers.models import Agent, Customer
from customers.services.agents import set_status

from .base import PanelAdmin
from .cells import badge
from .staff import came_from, signed_in

KINDS = {Agent.Status.ONLINE: "success", Agent.Status.SUSPENDED: "warning", Agent.Status.OFFLINE: "plain"}


@require_POST
def own_status_view(request: HttpRequest) -> HttpResponse:
    """The control in the header of every page: set one's own status and go back there."""
    agent = get_object_or_404(Agent, user=signed_in(request))
    asked = request.POST.get("status", "")
    if asked in Agent.Status.values:
        set_status(agent, asked, by=signed_in(request), at=timezone.now())
        messages.success(request, gettext("You are %(status)s now.") % {"status": agent.get_status_display()})
    else:
        messages.error(request, gettext("Choose online, suspended or offline."))
    return redirect(came_from(request, default=reverse("admin:index")))


@admin.register(Agent)
class AgentAdmin(PanelAdmin):
    list_display = ("display_name", "user", "status_badge", "is_active", "running_count", "customer_count")
    list_select_related = ("user",)
    list_filter = ("status", "is_active")
    search_fields = ("display_name", "user__username")
    ordering = ("display_name", "pk")
    fields = ("user", "display_name", "status", "is_active")
    empty_list_text = _("No agents yet. Add one for each staff user who serves customers.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        customers = Customer.objects.filter(agent=OuterRef("pk")).order_by().values("agent")
        served = Subquery(customers.annotate(count=Count("pk")).values("count"))
        counted: QuerySet[Any] = Agent.objects.with_running_inquiries().annotate(customer_count=Coalesce(served, 0))
        return counted

    def get_urls(self) -> list[URLPattern]:
        own = path("status/", self.admin_site.admin_view(own_status_view), name="customers_agent_own_status")
        return [own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm[Any], change: bool) -> None:
        """The status goes its own way, by the service, which knows what else it changes."""
        if change and "status" in form.changed_data:
            agent = Agent.objects.get(pk=obj.pk)
            set_status(agent, form.cleaned_data["status"], by=signed_in(request), at=timezone.now())
            form.changed_data.remove("status")
        super().save_model(request, obj, form, change)

    @admin.display(description=_("agent status"), ordering="status")
    def status_badge(self, agent: Agent) -> SafeString:
        return badge(agent.get_status_display(), kind=KINDS[Agent.Status(agent.status)])

    @admin.display(description=_("running inquiries"), ordering="running_count")
    def running_count(self, agent: Any) -> int:
        return int(agent.running_count)

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, agent: Any) -> int:
        return int(agent.customer_count)

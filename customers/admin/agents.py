from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from customers.models import Agent, ClosedDay, Deputyship, Inquiry, WorkingHours
from customers.services.agents import limits_changed, set_status
from customers.services.deputies import APPROVE

from .agent_forms import StatusForm
from .agent_page import agent_page, status_badge, until_text, with_load
from .base import PanelAdmin, PanelChangeList, SkinInline
from .deputies import approve_view, end_view, propose_view
from .hand_overs import hand_over_view
from .staff import came_from, signed_in


@require_POST
def own_status_view(request: HttpRequest) -> HttpResponse:
    """The control in the header of every page: set one's own status and go back there."""
    agent = get_object_or_404(Agent, user=signed_in(request))
    if _set_status(request, agent):
        messages.success(request, gettext("You are %(status)s now.") % {"status": agent.get_status_display()})
    return redirect(came_from(request, default=reverse("admin:index")))


@require_POST
def status_view(request: HttpRequest, pk: int) -> HttpResponse:
    """On an agent's page: his status, set by himself or a lead."""
    agent = get_object_or_404(Agent, pk=pk)
    if _set_status(request, agent):
        said = {"agent": agent, "status": agent.get_status_display()}
        messages.success(request, gettext("%(agent)s is %(status)s now.") % said)
    return redirect(came_from(request, default=agent.get_absolute_url()))


def _set_status(request: HttpRequest, agent: Agent) -> bool:
    """Whether it was set; if not, a message says why not."""
    form, at = StatusForm(request.POST), timezone.now()
    errors: dict[str, Any] = dict(form.errors)
    if form.is_valid():
        chosen = {"reason": form.cleaned_data["reason"], "until": form.planned_end(at)}
        try:
            set_status(agent, form.cleaned_data["status"], by=signed_in(request), at=at, **chosen)
        except ValidationError as error:
            errors = error.message_dict
    for sentences in errors.values():
        messages.error(request, " ".join(sentences))
    return not errors


class AgentChangeList(PanelChangeList):
    """The list of agents, with what waits for one of them and for a manager."""

    waiting_count: int
    proposed: list[Deputyship]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        user = signed_in(request)
        self.waiting_count = Inquiry.objects.waiting().visible_to(user).count()
        waiting = Deputyship.objects.proposed(timezone.now()).select_related("agent", "deputy").order_by("pk")
        self.proposed = list(waiting[:10]) if user.has_perm(APPROVE) else []


class WorkingHoursInline(SkinInline):
    model = WorkingHours
    extra = 0
    fields = ("weekday", "starts_at", "ends_at")
    ordering = ("weekday", "starts_at")
    verbose_name_plural = _("working hours of his own (none: the shop's)")


class ClosedDayInline(SkinInline):
    model = ClosedDay
    extra = 0
    fields = ("day", "name")
    ordering = ("day",)
    verbose_name_plural = _("days on which he does not work")


@admin.register(Agent)
class AgentAdmin(PanelAdmin):
    list_display = ("display_name", "status_shown", "load", "customer_count", "active_count", "user", "is_active")
    list_select_related = ("user",)
    list_filter = ("status", "is_active")
    search_fields = ("display_name", "user__username")
    ordering = ("display_name", "pk")
    fields = ("user", "display_name", "capacity", "suspend_at", "is_active")
    inlines = (WorkingHoursInline, ClosedDayInline)
    empty_list_text = _("No agents yet. Add one for each staff user who serves customers.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AgentChangeList]:
        return AgentChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        agents = Agent.objects.all()
        loaded: QuerySet[Any] = (
            with_load(agents, at=timezone.now())
            if request.user.has_perm("customers.change_agent")
            else agents.with_running_inquiries().with_customers()
        )
        return loaded

    def get_list_display(self, request: HttpRequest) -> Any:
        """How many customers are active is a lead's to compare."""
        is_lead = request.user.has_perm("customers.change_agent")
        return [name for name in self.list_display if is_lead or name != "active_count"]

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("status/", own_status_view, "own_status"),
            ("<int:pk>/status/", status_view, "status"),
            ("<int:pk>/deputy/", propose_view, "deputy"),
            ("<int:pk>/hand-over/", hand_over_view, "hand_over"),
            ("deputies/<int:pk>/approve/", approve_view, "deputy_approve"),
            ("deputies/<int:pk>/end/", end_view, "deputy_end"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"customers_agent_{name}") for route, view, name in doors
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        agent = self.get_object(request, object_id)
        page = {}
        if agent is not None and self.has_view_or_change_permission(request, agent):
            page = agent_page(agent, request, at=timezone.now())
        return super().change_view(request, object_id, form_url, {**page, **(extra_context or {})})

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and {"capacity", "suspend_at", "is_active"} & set(form.changed_data):
            limits_changed(obj, by=signed_in(request), at=timezone.now())
        if change and "is_active" in form.changed_data and not obj.is_active and obj.customers.exists():
            messages.warning(
                request,
                format_html(
                    '{} <a class="crm-link" href="{}">{}</a>',
                    gettext("%(agent)s takes no customers any more, but still has some.") % {"agent": obj},
                    reverse("admin:customers_agent_hand_over", args=[obj.pk]),
                    gettext("Hand them over"),
                ),
            )

    @admin.display(description=_("agent status"), ordering="status")
    def status_shown(self, agent: Agent) -> SafeString:
        at = timezone.now()
        until = until_text(agent, at=at)
        said = " · ".join(
            filter(None, [gettext("until %(date)s") % {"date": until} if until else "", agent.status_reason])
        )
        return format_html('{} <span class="crm-hint">{}</span>', status_badge(agent, at=at), said)

    @admin.display(description=_("running inquiries"), ordering="running_count")
    def load(self, agent: Any) -> SafeString:
        return load_bar(agent)

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, agent: Any) -> int:
        return int(agent.customer_count)

    @admin.display(description=_("of them active (90 days)"), ordering="active_count")
    def active_count(self, agent: Any) -> int:
        return int(agent.active_count)


def load_bar(agent: Any) -> SafeString:
    """How many inquiries run with him; of how many, where he has a limit."""
    if agent.capacity is None:
        return format_html("{}", agent.running_count)
    return format_html(
        '<span class="crm-load"><meter min="0" max="{0}" high="{1}" value="{2}"></meter> {2} / {0}</span>',
        agent.capacity,
        max(agent.capacity - 1, 1),
        agent.running_count,
    )

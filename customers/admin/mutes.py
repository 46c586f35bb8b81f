"""Mutes in the panel: the list, the page that mutes a customer, and the box on his page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Agent, Customer, Mute
from customers.services import mutes

from .agent_page import mute_rows
from .base import ReadOnlyAdmin
from .cells import NOTHING, badge, moment, staff_name
from .customer_rows import customer_name, with_names
from .staff import came_from, signed_in


class MuteForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("stands")), ("no", _("is over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mute]) -> QuerySet[Mute]:
        standing = Mute.objects.standing(timezone.now()).values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=standing)
        return queryset.exclude(pk__in=standing) if self.value() == "no" else queryset


@admin.register(Mute)
class MuteAdmin(ReadOnlyAdmin):
    """A lead and a manager see every mute, an agent his own."""

    list_display = ("person", "agent", "state_shown", "reason", "started", "until_shown", "ended_shown", "action")
    list_filter = (StandingFilter, "agent")
    list_select_related = ("agent", "by", "ended_by")
    list_display_links = None
    ordering = ("-pk",)
    empty_list_text = gettext_lazy("No mutes. An agent mutes a customer on the customer's page.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mute]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        return Mute.objects.visible_to(signed_in(request)).prefetch_related(Prefetch("customer", customers))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("customer/<int:pk>/", self.admin_site.admin_view(mute_view), name="customers_mute_customer"),
            path("<int:pk>/end/", self.admin_site.admin_view(unmute_view), name="customers_mute_end"),
        ]
        return own + super().get_urls()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.view_mute"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """It has no page of its own: all of it stands in the list."""
        return redirect("admin:customers_mute_changelist")

    @admin.display(description=gettext_lazy("customer"))
    def person(self, mute: Mute) -> SafeString:
        return format_html('<a href="{}">{}</a>', mute.customer.get_absolute_url(), customer_name(mute.customer))

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, mute: Mute) -> SafeString:
        stands = mute.is_standing(timezone.now())
        return badge(_("stands"), kind="warning") if stands else badge(_("is over"), kind="plain")

    @admin.display(description=gettext_lazy("from"), ordering="started_at")
    def started(self, mute: Mute) -> str:
        return moment(mute.started_at)

    @admin.display(description=gettext_lazy("until"), ordering="until")
    def until_shown(self, mute: Mute) -> str:
        return moment(mute.until)

    @admin.display(description=gettext_lazy("ended by"))
    def ended_shown(self, mute: Mute) -> str:
        return NOTHING if mute.ended_by is None else f"{staff_name(mute.ended_by)}, {moment(mute.ended_at)}"

    @admin.display(description="")
    def action(self, mute: Mute) -> SafeString | str:
        if not mute.is_standing(timezone.now()):
            return ""
        address = (
            f"{reverse('admin:customers_mute_customer', args=[mute.customer_id])}?{urlencode({'agent': mute.agent_id})}"
        )
        return format_html('<a class="crm-button is-small is-plain" href="{}">{}</a>', address, _("Unmute"))


def mute_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Who has muted this customer, with the buttons to end that, and the form to mute him oneself."""
    user, at = signed_in(request), timezone.now()
    if not user.has_perm("customers.view_customer"):
        raise PermissionDenied
    customer = get_object_or_404(with_names(Customer.objects.visible_to(user), request, at), pk=pk)
    agent = Agent.objects.filter(user=user).first()
    form = MuteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if agent is None:
            raise mutes.MayNotMute(_("An agent mutes for himself only."))
        mutes.mute(customer, agent=agent, reason=form.cleaned_data["reason"], by=user, at=at)
        messages.success(request, _("You do not receive this customer any more; others do."))
        return redirect(came_from(request, default=customer.get_absolute_url()))
    shown = {
        **admin.site.each_context(request),
        "title": _("Mute: do not receive this customer"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "form": form,
        "next": came_from(request, default=customer.get_absolute_url()),
        **mutes_of(customer, request, at),
    }
    return TemplateResponse(request, "admin/customers/mute/page.html", shown)


@require_POST
def unmute_view(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    seen = Mute.objects.visible_to(user).select_related("agent", "customer")
    mute = get_object_or_404(seen.filter(customer__in=Customer.objects.visible_to(user)), pk=pk)
    mutes.unmute(mute, by=user, at=timezone.now())
    messages.success(request, _("%(agent)s receives this customer again.") % {"agent": mute.agent})
    return redirect(came_from(request, default=mute.customer.get_absolute_url()))


def mutes_of(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What the box on his page shows: who has muted him, and whether one may do so oneself."""
    user = signed_in(request)
    agent = Agent.objects.filter(user=user, is_active=True).first()
    why_not = (
        mutes.why_may_not_mute(customer, agent=agent, user=user) if agent else _("An agent mutes for himself only.")
    )
    rows = mute_rows(Mute.objects.visible_to(user).filter(customer=customer), request, at=at)
    is_mine = any(row.is_standing and row.mute.agent == agent for row in rows)
    return {
        "mute_rows": rows,
        "why_not": why_not,
        "mute_address": reverse("admin:customers_mute_customer", args=[customer.pk])
        if not (why_not or is_mine)
        else "",
        "days": settings.MUTE_FOR.days,
    }

"""Exemptions in the panel: the list, the page that exempts a customer, and the box on his page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from blocklist.models import Ban, Exemption
from blocklist.services import exemptions
from customers.admin.base import ReadOnlyAdmin
from customers.admin.cells import NOTHING, badge, moment, staff_name
from customers.admin.customer_rows import customer_name, linked_name, with_names
from customers.admin.staff import came_from, of_seen_customers, signed_in
from customers.filters import DAYS
from customers.models import Customer

from .ban_pages import show_errors


class ExemptionForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)
    last_day = forms.DateField(
        label=gettext_lazy("Last day of the exemption"),
        required=False,
        validators=DAYS,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: without end."),
    )

    def until(self) -> datetime | None:
        """The end of the last day, in the shop's zone."""
        last_day = self.cleaned_data["last_day"]
        if last_day is None:
            return None
        return timezone.make_aware(datetime.combine(last_day + timedelta(days=1), datetime.min.time()))


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("stands")), ("no", _("is over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Exemption]) -> QuerySet[Exemption]:
        standing = Exemption.objects.standing(timezone.now()).values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=standing)
        return queryset.exclude(pk__in=standing) if self.value() == "no" else queryset


@admin.register(Exemption)
class ExemptionAdmin(ReadOnlyAdmin):
    """The list of exemptions. They are set and ended on the customer's own page for it, and edited nowhere."""

    list_display = ("person", "state_shown", "reason", "started", "until_shown", "actor", "ended_shown")
    list_filter = (StandingFilter, "by")
    list_select_related = ("by", "ended_by")
    list_display_links = ("reason",)
    ordering = ("-started_at", "-pk")
    fields = ("person", "state_shown", "reason", "started", "until_shown", "actor", "ended_shown")
    empty_list_text = gettext_lazy("Nobody is exempt. A manager exempts a customer on the customer's page.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exemption]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("customer/<int:pk>/", self.admin_site.admin_view(exemption_view), name="blocklist_exemption_customer"),
            path("<int:pk>/end/", self.admin_site.admin_view(end_view), name="blocklist_exemption_end"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("customer"))
    def person(self, exemption: Exemption) -> SafeString | str:
        return linked_name(exemption.customer)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, exemption: Exemption) -> SafeString:
        stands = exemption.is_standing(timezone.now())
        return badge(_("stands"), kind="success") if stands else badge(_("is over"), kind="plain")

    @admin.display(description=gettext_lazy("from"), ordering="started_at")
    def started(self, exemption: Exemption) -> str:
        return moment(exemption.started_at)

    @admin.display(description=gettext_lazy("until"), ordering="until")
    def until_shown(self, exemption: Exemption) -> str:
        return moment(exemption.until) if exemption.until else _("without end")

    @admin.display(description=pgettext_lazy("blocklist", "set by"))
    def actor(self, exemption: Exemption) -> str:
        return staff_name(exemption.by)

    @admin.display(description=gettext_lazy("ended by"))
    def ended_shown(self, exemption: Exemption) -> str:
        if exemption.ended_by is None:
            return NOTHING
        return f"{staff_name(exemption.ended_by)}, {moment(exemption.ended_at)}"


def exemption_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The form to exempt the customer, or the exemption that stands with the button to end it.

    403 with the reason for whoever may do neither.
    """
    user, at = signed_in(request), timezone.now()
    if not user.has_perm("customers.view_customer"):
        raise PermissionDenied
    customer = get_object_or_404(with_names(Customer.objects.visible_to(user), request, at), pk=pk)
    form = ExemptionForm(request.POST if request.method == "POST" else None)
    why_not = exemptions.why_may_not_exempt(user)
    if request.method == "POST" and not why_not and form.is_valid():
        chosen = {"reason": form.cleaned_data["reason"], "until": form.until()}
        try:
            exemptions.set_exemption(customer, by=user, at=at, **chosen)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, _("The customer is exempt: links, matches and the watch list stop no order."))
            return redirect(came_from(request, default=customer.get_absolute_url()))
    shown = {
        **admin.site.each_context(request),
        "title": _("Exemption"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "form": form,
        "why_not": why_not,
        "is_banned": Ban.objects.standing(at).filter(customer=customer).exists(),
        "next": came_from(request, default=customer.get_absolute_url()),
        **exemption_of(customer, request, at),
    }
    return TemplateResponse(request, "admin/blocklist/exemption/page.html", shown, status=403 if why_not else 200)


@require_POST
def end_view(request: HttpRequest, pk: int) -> HttpResponse:
    seen = of_seen_customers(Exemption.objects.select_related("customer"), request)
    exemption = get_object_or_404(seen, pk=pk)
    exemptions.end_exemption(exemption, by=signed_in(request), at=timezone.now())
    messages.success(request, _("The customer is exempt no more."))
    return redirect(came_from(request, default=exemption.customer.get_absolute_url()))


def exemption_of(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What the box on his page shows: the exemption that stands, and the page to set or end it for whoever may."""
    standing = Exemption.objects.standing(at).filter(customer=customer).select_related("by")
    may = not exemptions.why_may_not_exempt(signed_in(request))
    return {
        "exemption": standing.first() if request.user.has_perm("blocklist.view_exemption") else None,
        "exemption_address": reverse("admin:blocklist_exemption_customer", args=[customer.pk]) if may else "",
    }

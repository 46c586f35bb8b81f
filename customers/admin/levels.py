"""One page for the thresholds of all levels, with what they would change; and why a customer has his level."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Customer, LevelChange, LevelRule
from customers.services import levels, thresholds

from .base import ReadOnlyAdmin
from .cells import money, staff_name
from .staff import seen_customer, signed_in

SHOWN_CHANGES = 5


class ThresholdsForm(forms.Form):
    """Two fields per level: `trade_amount_<level>` and `trade_count_<level>`; either is enough, empty is no matter."""

    downwards = forms.BooleanField(
        label=gettext_lazy("Apply also downwards: lower who has bought too little"), required=False
    )

    def __init__(self, data: Any, *, rules: list[LevelRule], may_change: bool) -> None:
        super().__init__(data)
        self.rules = rules
        for rule in rules:
            said = {"level": rule}
            self.fields[f"trade_amount_{rule.level}"] = forms.DecimalField(
                label=_("trade amount from, for %(level)s") % said,
                initial=rule.trade_amount,
                min_value=0,
                max_digits=14,
                decimal_places=2,
                required=False,
            )
            self.fields[f"trade_count_{rule.level}"] = forms.IntegerField(
                label=_("trade count from, for %(level)s") % said,
                initial=rule.trade_count,
                min_value=0,
                max_value=1_000_000,
                required=False,
            )
        for name, field in self.fields.items():
            field.disabled = not may_change
            field.widget.attrs["aria-label"] = str(field.label) if name != "downwards" else None

    @property
    def rows(self) -> list[tuple[LevelRule, forms.BoundField, forms.BoundField]]:
        return [(rule, self[f"trade_amount_{rule.level}"], self[f"trade_count_{rule.level}"]) for rule in self.rules]

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            thresholds.check(self.asked())
        return self.cleaned_data

    def asked(self) -> list[LevelRule]:
        """The rules that the fields describe."""
        values = self.cleaned_data
        return [
            LevelRule(
                level=rule.level,
                trade_amount=values[f"trade_amount_{rule.level}"],
                trade_count=values[f"trade_count_{rule.level}"],
            )
            for rule in self.rules
        ]


@admin.register(LevelRule)
class LevelRuleAdmin(ReadOnlyAdmin):
    """No list: four levels stand on one page."""

    def get_urls(self) -> list[URLPattern]:
        follow = self.admin_site.admin_view(follow_view)
        return [path("follow/<int:pk>/", follow, name="customers_levelrule_follow"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_change = request.user.has_perm("customers.change_levelrule")
        form = ThresholdsForm(request.POST or None, rules=thresholds.thresholds(), may_change=may_change)
        shown: dict[str, Any] = {"form": form, "may_change": may_change}
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied(_("Only a manager changes the thresholds of the levels."))
            if form.is_valid():
                downwards, at = form.cleaned_data["downwards"], timezone.now()
                if "save" in request.POST:
                    return _saved(request, form, downwards=downwards, at=at)
                shown["forecast"] = thresholds.forecast(form.asked(), downwards=downwards, at=at)
        context = {**admin.site.each_context(request), "title": _("Levels"), **shown}
        return TemplateResponse(request, "admin/customers/level/thresholds.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:customers_levelrule_changelist")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("customers.view_levelrule")


def _saved(request: HttpRequest, form: ThresholdsForm, *, downwards: bool, at: datetime) -> HttpResponse:
    job = thresholds.save_thresholds(form.asked(), downwards=downwards, by=signed_in(request), at=at)
    messages.success(request, _("The thresholds are saved and are being applied to all customers."))
    return redirect(job)


@require_POST
def follow_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Let trade figures decide the level of this customer again."""
    customer = seen_customer(request, pk)
    if levels.follow_figures(Customer.objects.filter(pk=pk), by=signed_in(request), at=timezone.now()):
        messages.success(request, _("Trade figures decide this level again."))
    else:
        messages.warning(request, _("Nothing was changed: the level is not set by hand, or not yours to change."))
    return redirect(customer)


def level_box(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """Why the customer has his level: the last changes, each with who and when or with the figures that reached it."""
    changes = LevelChange.objects.filter(customer=customer).select_related("by").order_by("-pk")[:SHOWN_CHANGES]
    return {
        "customer_id": customer.pk,
        "level": customer.get_level_display(),
        "basis": customer.get_level_basis_display(),
        "may_follow": customer.level_basis != Customer.LevelBasis.FIGURES
        and Customer.objects.editable_by(signed_in(request)).filter(pk=customer.pk).exists(),
        "changes": [(change, why(change), staff_name(change.by)) for change in changes],
    }


def why(change: LevelChange) -> str:
    """The reason that a person gave, or what the trade figures were."""
    if change.reason:
        return change.reason
    figures = {"count": change.trade_count, "amount": money(change.trade_amount)}
    return _("by trade figures: %(count)s trades, %(amount)s") % figures

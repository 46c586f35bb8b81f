"""The page behind “Ban purchase” in the action menu of the customer list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from blocklist.models import bannable_by, banned
from blocklist.services import bans
from customers.admin.staff import signed_in

from .ban_pages import show_errors
from .forms import BanForm

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def bulk_ban(request: HttpRequest, customers: CustomerQuerySet) -> HttpResponseBase | None:
    """Ask for the type, with the counts beforehand; then ban whom he may ban and report both counts.

    It never loops over the customers, so "select all matching" costs what one row costs.
    """
    at = timezone.now()
    confirmed = "confirm" in request.POST
    form = BanForm(request.POST if confirmed else None)
    if confirmed and form.is_valid():
        try:
            report = bans.ban_purchases(
                customers,
                type=form.cleaned_data["type"],
                note=form.cleaned_data["note"],
                until=form.until(at),
                by=signed_in(request),
                at=at,
            )
        except ValidationError as error:
            show_errors(form, error)
        else:
            _say(request, report)
            return None
    chosen = customers.order_by()
    allowed = chosen.filter(pk__in=bannable_by(signed_in(request), at=at).values("pk"))
    context = {
        **admin.site.each_context(request),
        "title": _("Ban purchase"),
        "form": form,
        "chosen_count": chosen.count(),
        "allowed_count": allowed.count(),
        "standing_count": banned(allowed, at=at).count(),
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "action": "ban_purchases",
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/blocklist/bulk_ban.html", context)


def _say(request: HttpRequest, report: bans.BulkReport) -> None:
    count = report.banned
    say = messages.success if count else messages.info
    say(request, ngettext("%(count)s customer banned.", "%(count)s customers banned.", count) % {"count": count})
    if count := report.standing:
        text = ngettext("%(count)s was banned already.", "%(count)s were banned already.", count)
        messages.info(request, text % {"count": count})
    if count := report.refused:
        text = ngettext(
            "%(count)s was refused: only the customer's exclusive agent or a manager may ban.",
            "%(count)s were refused: only the customer's exclusive agent or a manager may ban.",
            count,
        )
        messages.warning(request, text % {"count": count})

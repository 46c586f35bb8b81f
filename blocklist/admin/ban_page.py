"""A ban's own page: who, why, on what evidence, what came of it. One part below the other; nothing is edited here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from blocklist.models import Attempt, Ban, Evidence, OrderChoice
from blocklist.public_text import refusal_texts
from blocklist.services.evidence import MayNotAddEvidence, add_evidence, is_unchanged, why_may_not_add
from customers.admin.cells import money
from customers.admin.customer_rows import linked_name, with_names
from customers.admin.staff import came_from, of_seen_customers, signed_in
from customers.models import Customer
from customers.services.files import download

from .ban_audit import audit_of
from .ban_history import history
from .ban_state import state_badge
from .confirmations import confirmation_of
from .evidence_fields import EvidenceField, evidence_help
from .marketplace_tasks import tasks_of_ban
from .why import until_shown

# Of the orders that were open when the ban was set.
SHOWN_CHOICES = 50


@dataclass(frozen=True)
class BanPart:
    """A box of the page: a template and what it is filled with; left out for whoever lacks the permission."""

    template: str
    context: Callable[[Ban, HttpRequest, datetime], dict[str, Any]]
    permission: str = "blocklist.view_ban"


class EvidenceForm(forms.Form):
    evidence = EvidenceField(required=True)


def ban_page(request: HttpRequest, pk: int | str, form: EvidenceForm | None = None) -> HttpResponse:
    """A fixed number of queries. 404 for a ban of a customer whom one does not see."""
    at, ban = timezone.now(), seen_ban(request, pk)
    shown = {
        **admin.site.each_context(request),
        "title": str(ban),
        "ban": ban,
        "customer_link": linked_name(ban.customer),
        "parts": [_rendered(part, ban, request, at, form) for part in PARTS if request.user.has_perm(part.permission)],
    }
    return TemplateResponse(request, "admin/blocklist/ban/page.html", shown)


def seen_ban(request: HttpRequest, pk: int | str) -> Ban:
    if not request.user.has_perm("blocklist.view_ban"):
        raise PermissionDenied
    customers = with_names(Customer.objects.select_related("agent"), request, timezone.now())
    bans = of_seen_customers(Ban.objects.select_related("by", "lifted_by", "confirmed_by", "restores"), request)
    return get_object_or_404(bans.prefetch_related(Prefetch("customer", customers)), pk=pk)


def _rendered(part: BanPart, ban: Ban, request: HttpRequest, at: datetime, form: EvidenceForm | None) -> SafeString:
    context = {"ban": ban, "form": form or EvidenceForm(), **part.context(ban, request, at)}
    return render_to_string(part.template, context, request)


def _facts(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    return {"until": until_shown(ban.until), "is_standing": ban.is_standing(at), "state": state_badge(ban, at)}


def _public_text(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    return {"public_texts": refusal_texts(), "is_standing": ban.is_standing(at)}


def _evidence(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    return {
        "evidence": Evidence.objects.filter(ban=ban).select_related("added_by").order_by("added_at", "pk"),
        "may_add": not why_may_not_add(ban, signed_in(request)),
        "evidence_help": evidence_help(),
    }


def _history(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    return {"entries": history(ban, request, at=at)}


def _attempts(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    url = f"{reverse('admin:blocklist_attempt_changelist')}?ban__id__exact={ban.pk}"
    return {"count": Attempt.objects.filter(ban=ban).count(), "url": url}


def _orders(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    chosen = OrderChoice.objects.filter(ban=ban).select_related("order").order_by("-order__ordered_at", "-pk")
    rows = [(row, money(row.order.amount)) for row in chosen[:SHOWN_CHOICES]]
    return {"rows": rows, "further_count": chosen.count() - len(rows) if len(rows) == SHOWN_CHOICES else 0}


PARTS: list[BanPart] = [
    BanPart("admin/blocklist/ban/confirmation.html", confirmation_of),
    BanPart("admin/blocklist/ban/facts.html", _facts),
    BanPart("admin/blocklist/marketplace/tasks.html", tasks_of_ban, "blocklist.view_marketplacetask"),
    BanPart("admin/blocklist/ban/evidence.html", _evidence, "blocklist.view_evidence"),
    BanPart("admin/blocklist/ban/public_text.html", _public_text),
    BanPart("admin/blocklist/ban/orders.html", _orders, "customers.view_order"),
    BanPart("admin/blocklist/ban/history.html", _history),
    BanPart("admin/blocklist/ban/attempts.html", _attempts, "blocklist.view_attempt"),
    BanPart("admin/blocklist/ban/audit.html", audit_of, "customers.view_event"),
]


@require_POST
def add_evidence_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Add files to a ban, standing or over; 403 with the reason for whoever may not."""
    ban, form = seen_ban(request, pk), EvidenceForm(request.POST, request.FILES)
    if reason := why_may_not_add(ban, signed_in(request)):
        raise MayNotAddEvidence(reason)
    if not form.is_valid():
        return ban_page(request, pk, form)
    add_evidence(ban, files=form.cleaned_data["evidence"], by=signed_in(request), at=timezone.now())
    messages.success(request, _("The evidence is kept."))
    return redirect(ban)


def evidence_view(request: HttpRequest, pk: int) -> FileResponse:
    """The file, as a download; 404 for whoever lacks the right or does not see the customer."""
    return download(get_object_or_404(Evidence.objects.visible_to(signed_in(request)), pk=pk))


def check_evidence_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whether the file is still the one that was added."""
    row = get_object_or_404(Evidence.objects.visible_to(signed_in(request)), pk=pk)
    if is_unchanged(row):
        messages.success(
            request, _("%(name)s is unchanged: its SHA-256 is the one of the day it was added.") % vars(row)
        )
    else:
        messages.error(request, _("%(name)s is not the file that was added any more, or it is gone.") % vars(row))
    default = row.ban.get_absolute_url() if row.ban else reverse("admin:index")
    return redirect(came_from(request, default=default))

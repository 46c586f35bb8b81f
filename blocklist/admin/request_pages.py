"""The page of one ban request, and the buttons that decide it or take it back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from blocklist.models import BanRequest
from blocklist.services import ban_requests, bans
from blocklist.services.confirmations import will_be_confirmed
from customers.admin.cells import badge, staff_name
from customers.admin.customer_page import figures
from customers.admin.customer_rows import customer_name, with_columns
from customers.admin.staff import signed_in
from customers.models import Customer

from .forms import DecisionForm

KINDS = {
    BanRequest.State.APPROVED: "danger",
    BanRequest.State.DECLINED: "success",
    BanRequest.State.WITHDRAWN: "plain",
    BanRequest.State.OVERTAKEN: "plain",
}


def request_state(row: BanRequest, at: datetime) -> SafeString:
    """An open one with its age, which stands out once nobody has answered in time."""
    if not row.is_open():
        return badge(row.get_state_display(), kind=KINDS[BanRequest.State(row.state)], title=row.reason)
    told = {"age": timesince(row.created_at, at, depth=1)}
    return badge(_("open, waits for %(age)s") % told, kind="danger" if row.is_overdue(at) else "warning")


def request_page(request: HttpRequest, row: BanRequest, *, at: datetime) -> TemplateResponse:
    """All that one needs to decide; a fixed number of queries."""
    user = signed_in(request)
    customer = with_columns(Customer.objects.select_related("agent"), request, at).get(pk=row.customer_id)
    row.customer = customer
    sees_customer = Customer.objects.visible_to(user).filter(pk=customer.pk).exists()
    why_not = ban_requests.why_may_not_decide(row, user, at=at) if row.is_open() else ""
    may_decide = row.is_open() and not why_not
    shown = {
        **admin.site.each_context(request),
        "title": _("Ban request"),
        "row": row,
        "state": request_state(row, at),
        "asker": row.rule or staff_name(row.by),
        "seconders": ", ".join(staff_name(user) for user in row.seconded_by.order_by("pk")),
        "shown_to": staff_name(row.shown_to),
        "decider": staff_name(row.decided_by),
        "customer": customer,
        "customer_name": customer_name(customer),
        "figures": figures(customer) if sees_customer else [],
        "may_see_evidence": sees_customer and user.has_perm("blocklist.view_evidence"),
        "evidence": row.evidence.select_related("added_by").order_by("added_at", "pk"),
        "why": bans.why_may_ban(customer, user) if may_decide else "",
        "why_not": why_not,
        "asks_manager": may_decide and will_be_confirmed(customer, user),
        "may_withdraw": row.is_open() and row.by_id == user.pk,
    }
    return TemplateResponse(request, "admin/blocklist/ban_request.html", shown)


@require_POST
def approve_view(request: HttpRequest, pk: int) -> HttpResponse:
    row = _request(request, pk)
    act = partial(ban_requests.approve, row, reason=_reason(request))
    return _done(request, row, act, _("The customer is banned from buying, at once."))


@require_POST
def decline_view(request: HttpRequest, pk: int) -> HttpResponse:
    row = _request(request, pk)
    act = partial(ban_requests.decline, row, reason=_reason(request))
    return _done(request, row, act, _("The request is declined; whoever asked is told."))


@require_POST
def withdraw_view(request: HttpRequest, pk: int) -> HttpResponse:
    row = _request(request, pk)
    return _done(request, row, partial(ban_requests.withdraw, row), _("The request is withdrawn."))


def _done(request: HttpRequest, row: BanRequest, act: Any, sentence: str) -> HttpResponse:
    try:
        act(by=signed_in(request), at=timezone.now())
    except ban_requests.NotOpen as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, sentence)
    return redirect(row)


def _reason(request: HttpRequest) -> str:
    """Why, as it was typed; the service says whether it is needed."""
    form = DecisionForm(request.POST)
    return form.cleaned_data["reason"] if form.is_valid() else ""


def _request(request: HttpRequest, pk: int) -> BanRequest:
    user = signed_in(request)
    if not user.has_perm("blocklist.view_banrequest"):
        raise PermissionDenied
    return get_object_or_404(BanRequest.objects.visible_to(user).select_related("customer__agent"), pk=pk)

"""The page that watches a customer: the form, the watch that stands, what a rule proposes; and the boxes about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from blocklist.models import Watch
from blocklist.services import watches
from customers.admin.customer_rows import customer_name, with_names
from customers.admin.staff import came_from, of_seen_customers, signed_in
from customers.models import Customer

from .ban_pages import show_errors, shown_advice, shown_advices
from .forms import BriefWatchForm, EndWatchForm, WatchForm
from .watch_state import state_badge


def watch_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The form to watch the customer, or what stands with the buttons to confirm and end it.

    403 with the reason for whoever may neither.
    """
    user, at = signed_in(request), timezone.now()
    if not user.has_perm("customers.view_customer"):
        raise PermissionDenied
    customer = get_object_or_404(
        with_names(Customer.objects.visible_to(user).select_related("agent"), request, at), pk=pk
    )
    is_brief = not watches.may_watch(customer, user, at=at)
    form = (BriefWatchForm if is_brief else WatchForm)(request.POST if request.method == "POST" else None)
    why_not = watches.why_may_not_watch(customer, user, at=at)
    if request.method == "POST" and not why_not and form.is_valid():
        chosen = {"type": form.cleaned_data["type"], "note": form.cleaned_data["note"], "until": form.until(at)}
        try:
            watches.watch(customer, by=user, at=at, **chosen)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, _("The customer is watched: his orders are held for review."))
            return redirect(came_from(request, default=customer.get_absolute_url()))
    return _page(request, customer, form, why_not=why_not, at=at)


def _page(request: HttpRequest, customer: Customer, form: WatchForm, *, why_not: str, at: datetime) -> TemplateResponse:
    watch = standing_watch(customer, at)
    shown = {
        **admin.site.each_context(request),
        "title": _("Watch list"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "form": form,
        "is_brief": isinstance(form, BriefWatchForm),
        "advices": shown_advices(),
        "why_not": why_not,
        "next": came_from(request, default=customer.get_absolute_url()),
        "why_not_end": watches.why_may_not_end(watch, signed_in(request), at=at) if watch else "",
        "end_form": EndWatchForm(),
        **_told(watch, at),
    }
    return TemplateResponse(request, "admin/blocklist/watch/page.html", shown, status=403 if why_not else 200)


@require_POST
def confirm_view(request: HttpRequest, pk: int) -> HttpResponse:
    watch = _seen(request, pk)
    try:
        watches.confirm_watch(watch, by=signed_in(request), at=timezone.now())
    except watches.WatchIsOver as over:
        messages.error(request, str(over))
    else:
        messages.success(request, _("The customer is watched: his orders are held for review."))
    return redirect(came_from(request, default=watch.customer.get_absolute_url()))


@require_POST
def end_view(request: HttpRequest, pk: int) -> HttpResponse:
    watch, form = _seen(request, pk), EndWatchForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        watches.end_watch(watch, reason=reason, by=signed_in(request), at=timezone.now())
    except ValidationError as error:
        sentences = [str(sentence) for wrong in form.errors.values() for sentence in wrong]
        messages.error(request, " ".join(sentences or error.messages))
        return redirect(watches.page_of(watch.customer_id))
    messages.success(request, _("The customer is not watched any more."))
    return redirect(came_from(request, default=watch.customer.get_absolute_url()))


def _seen(request: HttpRequest, pk: int) -> Watch:
    if not request.user.has_perm("blocklist.view_watch"):
        raise PermissionDenied
    return get_object_or_404(of_seen_customers(Watch.objects.select_related("customer__agent"), request), pk=pk)


def standing_watch(customer: Customer, at: datetime) -> Watch | None:
    people = ("by", "confirmed_by", "customer__agent")
    return Watch.objects.standing(at).filter(customer=customer).select_related(*people).first()


def _told(watch: Watch | None, at: datetime) -> dict[str, Any]:
    """What the facts of a watch are shown with: its state, and the advice about such a buyer."""
    if watch is None:
        return {"watch": None}
    return {"watch": watch, "state": state_badge(watch, at), "advice_text": shown_advice(watch.type)}


def watch_box(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """The box on his page: what stands, and the page to set, confirm or end it, or to read why one may not."""
    if not request.user.has_perm("blocklist.view_watch"):
        return {"may_see": False}
    return {
        "may_see": True,
        "why_not": watches.why_may_not_watch(customer, signed_in(request), at=at),
        "watch_address": watches.page_of(customer.pk),
        **_told(standing_watch(customer, at), at),
    }


def card_note(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """Beside a chat window: how to treat him."""
    may_see = request.user.has_perm("blocklist.view_watch")
    return _told(standing_watch(customer, at) if may_see else None, at)

"""The page of a bulk action of the customer list: who is chosen, who will be refused and why, then the job.

The chosen rows, or all that match the filter of the address, come with every post; nothing is kept in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from customers.filters import PERSONAL, CustomerFilter, restored
from customers.models import Customer
from customers.parts import BulkAction, parts
from customers.row_ids import row_id
from customers.services import bulk_actions, customer_jobs, exports, jobs

from .bulk_forms import BulkAgentForm, BulkBindForm, BulkForm, BulkGroupsForm, BulkLevelForm, ExportForm
from .cells import number
from .jobs import file_of
from .list_address import list_address, query_of
from .staff import signed_in

# No job keeps what names a person (PERSONAL): whoever searches so means few, and they are kept by their ids.
MOST_IDS = 5_000

ACTIONS = [
    BulkAction(bulk_actions.Bind, BulkBindForm, ("customers.bind_customer",)),
    BulkAction(bulk_actions.HandOver, BulkAgentForm, ("customers.bind_customer",)),
    BulkAction(bulk_actions.AddToGroups, BulkGroupsForm, ("customers.change_customer",)),
    BulkAction(bulk_actions.RemoveFromGroups, BulkGroupsForm, ("customers.change_customer",)),
    BulkAction(bulk_actions.ChangeLevel, BulkLevelForm, ("customers.change_customer",)),
    BulkAction(exports.ExportCustomers, ExportForm, ("customers.export_customer",)),
]


class BadChoice(Exception):
    """The request does not say which customers are meant. The message says what is wrong."""


def bulk_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show the page, or its counts alone (`preview`), or do it (`confirm`)."""
    action, user, at = _action(request, name), signed_in(request), timezone.now()
    back = f"{reverse('admin:customers_customer_changelist')}?{request.GET.urlencode()}".rstrip("?")
    if request.method != "POST":
        return redirect(back)
    is_asked = "confirm" in request.POST or "preview" in request.POST
    form = action.form(request.POST if is_asked else None, user=user)
    answers = form.parameters(at) if form.is_valid() else {}
    try:
        choice = chosen(request)
        forecast = customer_jobs.forecast(action.kind(), {**choice, **answers}, by=user, at=at)
    except BadChoice as error:
        messages.error(request, str(error))
        return redirect(back)
    if "confirm" in request.POST and form.is_valid():
        return _start(request, action, {**choice, **answers}, total=forecast.total, back=back, at=at)
    context = _forecast_context(action, forecast)
    if "preview" in request.POST:
        return TemplateResponse(request, "admin/customers/bulk/forecast.html", context)
    return _page(request, action, form, {**context, "back": back})


def chosen(request: HttpRequest) -> dict[str, Any]:
    """Whom the request means, as a job's parameters say it. Raises BadChoice."""
    user, across = signed_in(request), request.POST.get("select_across") or "0"
    if across == "1":
        return _all_matching(request)
    ids = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
    if not ids:
        raise BadChoice(_("Choose customers first. Nothing was done."))
    numbers = sorted(pk for value in ids if (pk := row_id(value)) is not None)
    if across != "0" or len(numbers) < len(ids):
        raise BadChoice(_("This choice of customers is not valid. Nothing was done."))
    if Customer.objects.visible_to(user).filter(pk__in=numbers).count() != len(numbers):
        raise BadChoice(_("Some of the chosen customers are not there, or not yours to see. Nothing was done."))
    return {"ids": numbers}


def _filters(request: HttpRequest) -> CustomerFilter:
    """The filter of the list that the action was chosen on, its view and the search included."""
    user, values = signed_in(request), list_address(request).all_values
    return CustomerFilter(restored(values), queryset=Customer.objects.visible_to(user), user=user)


def _all_matching(request: HttpRequest) -> dict[str, Any]:
    address, asked = list_address(request), _filters(request)
    values = address.all_values
    if errors := {**address.errors, **asked.errors}:
        sentences = "; ".join(f"{name}: {' '.join(found)}" for name, found in errors.items())
        raise BadChoice(_("This filter is not valid, so nothing was done. %(errors)s") % {"errors": sentences})
    if not any(name in values for name in PERSONAL):
        return {"filter": values}
    found = sorted(set(asked.qs.order_by().values_list("pk", flat=True)[: MOST_IDS + 1]))
    if len(found) > MOST_IDS:
        raise BadChoice(_("More than 5,000 customers match this search. Narrow it, or use the filters."))
    return {"ids": found}


def _action(request: HttpRequest, name: str) -> BulkAction:
    """Raises Http404 for an unknown action, PermissionDenied without its permissions."""
    action = next((action for action in parts.bulk_actions if action.kind.name == name), None)
    if action is None:
        raise Http404
    if not signed_in(request).has_perms(["customers.view_customer", *action.permissions]):
        raise PermissionDenied
    return action


def _start(
    request: HttpRequest, action: BulkAction, parameters: Mapping[str, Any], *, total: int, back: str, at: datetime
) -> HttpResponseBase:
    user, kind = signed_in(request), action.kind
    if not total:
        messages.warning(request, _("No customer matches any more. Nothing was done."))
        return redirect(back)
    if total > kind.most_at_once:
        job = jobs.start(kind.name, by=user, at=at, **parameters)
        messages.info(request, _("This is done in the background. You may leave this page; the bell will tell you."))
    else:
        job = jobs.run_now(kind.name, by=user, clock=timezone.now, **parameters)
        if file := file_of(job):
            return file
    return HttpResponseRedirect(f"{job.get_absolute_url()}?{urlencode({'next': back})}")


def _forecast_context(action: BulkAction, forecast: customer_jobs.Forecast) -> dict[str, Any]:
    return {
        "total": number(forecast.total),
        "allowed": number(forecast.allowed),
        "has_allowed": forecast.allowed > 0,
        "refused": [(action.kind.refusals[code], number(count)) for code, count in forecast.refused.items()],
        "in_background": forecast.total > action.kind.most_at_once,
    }


def _instead(request: HttpRequest, action: BulkAction, query: str) -> dict[str, Any]:
    """Another action that is offered for the same customers, to whoever has its permissions."""
    other = next((other for other in parts.bulk_actions if other.kind is action.instead), None)
    if other is None or not signed_in(request).has_perms(other.permissions):
        return {}
    url = reverse("admin:customers_customer_bulk", args=[other.kind.name])
    return {"instead": {"label": other.kind.label, "url": f"{url}?{query}"}}


def _page(request: HttpRequest, action: BulkAction, form: BulkForm, context: dict[str, Any]) -> TemplateResponse:
    values = list_address(request).all_values
    shown = {
        **admin.site.each_context(request),
        "title": action.kind.label,
        "action": action,
        "form": form,
        # with its values spelled out: the view that is one's own to begin with may change before this is posted
        "url": f"{reverse('admin:customers_customer_bulk', args=[action.kind.name])}?{query_of(values)}",
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across") or "0",
        "conditions": _filters(request).conditions(),
        **_instead(request, action, query_of(values)),
        **context,
    }
    return TemplateResponse(request, "admin/customers/bulk/page.html", shown)

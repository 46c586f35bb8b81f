"""The page that hands over an agent's customers: choose, look, confirm."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.models import Agent
from customers.services import hand_overs

from .agent_forms import HandOverForm
from .staff import signed_in


def hand_over_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose levels and new agents; a look shows whom it would move; the second button does it."""
    user, at = signed_in(request), timezone.now()
    agent = get_object_or_404(Agent, pk=pk)
    if not user.has_perm("customers.view_agent"):
        raise PermissionDenied
    if why_not := hand_overs.why_may_not_hand_over(agent, user):
        raise PermissionDenied(why_not)
    form = HandOverForm(request.POST or None, agent=agent)
    shown: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        if "confirm" in request.POST:
            try:
                job = hand_overs.start_hand_over(agent, **chosen, by=user, at=at)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return _done(request, agent, job)
        else:
            shown = {"is_ready": True, "to": chosen["to"]}
    levels = form.cleaned_data.get("levels", []) if form.is_bound and form.is_valid() else []
    return _page(request, agent, form, preview=hand_overs.preview(agent, levels=levels, at=at), **shown)


def _done(request: HttpRequest, agent: Agent, job: Any) -> HttpResponse:
    if job.is_under_way():
        messages.info(request, _("The customers are being handed over in the background."))
        return redirect(job)
    if job.state == job.State.FAILED:
        messages.error(request, job.message)
        return redirect(agent)
    done = ngettext("%(count)s customer was handed over.", "%(count)s customers were handed over.", job.done_count)
    messages.success(request, done % {"count": job.done_count})
    return redirect(agent)


def _page(request: HttpRequest, agent: Agent, form: HandOverForm, **context: Any) -> TemplateResponse:
    shown = {
        **admin.site.each_context(request),
        "title": _("Hand over the customers of %(agent)s") % {"agent": agent},
        "agent": agent,
        "form": form,
        **context,
    }
    return TemplateResponse(request, "admin/customers/agent/hand_over.html", shown)

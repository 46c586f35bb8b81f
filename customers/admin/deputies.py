"""Who stands in for an agent: proposing, approving and ending it from his page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from customers.models import Agent, Deputyship
from customers.services import deputies

from .agent_forms import DeputyForm
from .staff import signed_in


@require_POST
def propose_view(request: HttpRequest, pk: int) -> HttpResponse:
    _require_agents(request)
    agent = get_object_or_404(Agent, pk=pk)
    form = DeputyForm(request.POST, agent=agent)
    errors: dict[Any, Any] = {form.fields[name].label: found for name, found in form.errors.items()}
    if form.is_valid():
        deputy = form.cleaned_data["deputy"]
        try:
            made = deputies.propose(agent, deputy=deputy, **form.dates(), by=signed_in(request), at=timezone.now())
        except ValidationError as error:
            errors = {form.fields[name].label: found for name, found in error.message_dict.items()}
        else:
            said = _("%(deputy)s stands in.") if made.approved_at else _("%(deputy)s is proposed; a manager approves.")
            messages.success(request, said % {"deputy": deputy})
    for label, sentences in errors.items():
        messages.error(request, f"{label}: {' '.join(sentences)}")
    return redirect(agent)


@require_POST
def approve_view(request: HttpRequest, pk: int) -> HttpResponse:
    deputyship = _deputyship(request, pk)
    deputies.approve(deputyship, by=signed_in(request), at=timezone.now())
    messages.success(request, _("%(deputy)s stands in.") % {"deputy": deputyship.deputy})
    return redirect(deputyship.agent)


@require_POST
def end_view(request: HttpRequest, pk: int) -> HttpResponse:
    deputyship = _deputyship(request, pk)
    deputies.end(deputyship, by=signed_in(request), at=timezone.now())
    messages.success(request, _("%(deputy)s does not stand in any more.") % {"deputy": deputyship.deputy})
    return redirect(deputyship.agent)


def _deputyship(request: HttpRequest, pk: int) -> Deputyship:
    _require_agents(request)
    return get_object_or_404(Deputyship.objects.select_related("agent", "deputy"), pk=pk)


def _require_agents(request: HttpRequest) -> None:
    if not request.user.has_perm("customers.view_agent"):
        raise PermissionDenied

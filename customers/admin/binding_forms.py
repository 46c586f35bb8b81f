"""Binding and handing over from the customer page."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Agent, Customer
from customers.services import bindings

from .staff import came_from, seen_customer, signed_in


class AgentForm(forms.Form):
    """Which agent shall serve the customer."""

    agent = forms.ModelChoiceField(
        queryset=Agent.objects.filter(is_active=True).order_by("display_name", "pk"),
        label=gettext_lazy("agent"),
        empty_label=gettext_lazy("Choose an agent"),
    )
    reason = forms.CharField(label=gettext_lazy("reason"), max_length=200, required=False)


@require_POST
def bind_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Bind a customer who has no agent, by default to whoever asks."""
    return _give(request, pk, service=bindings.bind, done=_("%(agent)s is now the exclusive agent of this customer."))


@require_POST
def hand_over_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a customer who has an agent to another one."""
    return _give(request, pk, service=bindings.hand_over, done=_("This customer was handed over to %(agent)s."))


def _give(request: HttpRequest, pk: int, *, service: Callable[..., int], done: str) -> HttpResponse:
    customer = seen_customer(request, pk)
    back = redirect(came_from(request, default=customer.get_absolute_url()))
    form = AgentForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the agent who shall serve this customer."))
        return back
    agent, reason = form.cleaned_data["agent"], form.cleaned_data["reason"]
    one = Customer.objects.filter(pk=customer.pk)
    try:
        count = service(one, agent=agent, by=signed_in(request), at=timezone.now(), reason=reason)
    except bindings.MayNotBind as refusal:
        messages.error(request, str(refusal))
        return back
    if count:
        messages.success(request, done % {"agent": agent})
    else:
        messages.warning(request, _("Nothing was changed: this customer is not yours to give, or was bound meanwhile."))
    return back

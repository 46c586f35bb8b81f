"""What is done at the reception desk. Each door answers JSON: what is to be shown, or a sentence that says why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Agent, Inquiry, User
from customers.services import inquiries, mutes
from customers.services.attachments import attachment_rules
from customers.services.files import checked
from customers.services.inquiry_notes import LONGEST_NOTE

from .staff import signed_in

Act = Callable[[HttpRequest, Inquiry, datetime], dict[str, Any]]


class AnswerForm(forms.Form):
    text = forms.CharField(max_length=inquiries.LONGEST_TEXT, required=False, strip=False)
    send_key = forms.UUIDField(required=False)

    def clean_text(self) -> str:
        # a browser sends every end of a line as two signs
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class NoteForm(forms.Form):
    note = forms.CharField(max_length=LONGEST_NOTE)


class GiveForm(forms.Form):
    agent = forms.ModelChoiceField(
        Agent.objects.serving(), error_messages={"required": gettext_lazy("Choose a colleague.")}
    )
    note = forms.CharField(max_length=LONGEST_NOTE, required=False)


class CloseForm(forms.Form):
    result = forms.ChoiceField(choices=[("", ""), *Inquiry.Result.choices], required=False)
    note = forms.CharField(max_length=LONGEST_NOTE, required=False)


class MuteForm(forms.Form):
    reason = forms.CharField(max_length=200)


def colleagues(user: User, inquiry: Inquiry | None, *, at: datetime) -> QuerySet[Agent]:
    """To whom the user may give an inquiry: a lead to anybody who takes customers, an agent to who is online."""
    agents = Agent.objects.serving()
    if not user.has_perm("customers.answer_any_inquiry"):
        agents = agents.online(at)
    if inquiry is not None:
        agents = agents.exclude(pk=inquiry.agent_id or 0)
    return agents.with_running_inquiries().order_by("display_name", "pk")


def door(act: Act) -> Callable[..., HttpResponse]:
    """A view that does it to an inquiry which the user sees. 404, 403, 400 and 409 carry their sentence as `error`."""

    @require_POST
    @wraps(act)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        user = signed_in(request)
        if not user.has_perm("customers.view_inquiry"):
            raise PermissionDenied
        inquiry = get_object_or_404(Inquiry.objects.visible_to(user).select_related("agent", "customer__agent"), pk=pk)
        try:
            return JsonResponse(act(request, inquiry, timezone.now()))
        except ValidationError as error:
            return JsonResponse({"error": " ".join(error.messages)}, status=400)
        except PermissionDenied as error:
            return JsonResponse({"error": str(error)}, status=403)
        except inquiries.InquiryClosed as error:
            return JsonResponse({"error": str(error)}, status=409)

    return view


def told_by(form: forms.Form) -> dict[str, Any]:
    """The values of the form. Raises ValidationError."""
    if not form.is_valid():
        raise ValidationError([str(sentence) for sentences in form.errors.values() for sentence in sentences])
    return form.cleaned_data


@door
def answer(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    """Send an answer with its files; with the same `send_key` again it is sent once."""
    told = told_by(AnswerForm(request.POST))
    files = checked(request.FILES.getlist("files"), attachment_rules())
    message = inquiries.answer(
        inquiry, text=told["text"], by=signed_in(request), at=at, files=files, send_key=told["send_key"]
    )
    return {"message": message.pk}


@door
def note(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    written = inquiries.note(inquiry, text=told_by(NoteForm(request.POST))["note"], by=signed_in(request), at=at)
    return {"note": written.pk}


@door
def give(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    told = told_by(GiveForm(request.POST))
    inquiries.give(inquiry, agent=told["agent"], by=signed_in(request), at=at, note=told["note"])
    return {"done": _("%(agent)s has this inquiry now.") % {"agent": told["agent"]}}


@door
def take(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    own = get_object_or_404(Agent.objects.serving(), user=signed_in(request))
    inquiries.give(inquiry, agent=own, by=signed_in(request), at=at)
    return {"done": _("You have this inquiry now.")}


@door
def close(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    told = told_by(CloseForm(request.POST))
    inquiries.close(inquiry, by=signed_in(request), at=at, result=told["result"], note=told["note"])
    return {"done": _("This inquiry is closed.")}


@door
def mute(request: HttpRequest, inquiry: Inquiry, at: datetime) -> dict[str, Any]:
    own = get_object_or_404(Agent.objects.serving(), user=signed_in(request))
    reason = told_by(MuteForm(request.POST))["reason"]
    mutes.mute(inquiry.customer, agent=own, reason=reason, by=signed_in(request), at=at)
    return {"done": _("You no longer receive this customer. Colleagues serve him.")}


ACTIONS: dict[str, Callable[..., HttpResponse]] = {
    "answer": answer,
    "note": note,
    "give": give,
    "take": take,
    "close": close,
    "mute": mute,
}

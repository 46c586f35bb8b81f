"""Notes on a customer, written on his page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Customer, CustomerNote
from customers.services import notes

from .staff import came_from, seen_customer, signed_in

SHOWN_NOTES = 10


class NoteForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("note"),
        max_length=notes.LONGEST_NOTE,
        widget=forms.Textarea(
            attrs={
                "rows": 2,
                "placeholder": gettext_lazy("What should colleagues know?"),
                "aria-label": gettext_lazy("Note"),
            }
        ),
    )


def notes_context(customer: Customer, request: HttpRequest, *, may_edit: bool) -> dict[str, Any]:
    """The last notes, those that still stand and those struck out, and the form where he may write one."""
    rows = CustomerNote.objects.filter(customer=customer).select_related("by").order_by("-at", "-pk")
    shown = list(rows[: SHOWN_NOTES + 1])
    return {
        "notes": shown[:SHOWN_NOTES],
        "has_more_notes": len(shown) > SHOWN_NOTES,
        "note_form": NoteForm() if may_edit else None,
    }


@require_POST
def add_note_view(request: HttpRequest, pk: int) -> HttpResponse:
    customer, form = seen_customer(request, pk), NoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(sentence) for found in form.errors.values() for sentence in found))
        return _back(request, customer)
    try:
        notes.add_note(customer, text=form.cleaned_data["text"], by=signed_in(request), at=timezone.now())
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The note is written."))
    return _back(request, customer)


@require_POST
def strike_note_view(request: HttpRequest, pk: int, note: int) -> HttpResponse:
    customer = seen_customer(request, pk)
    row = get_object_or_404(CustomerNote, pk=note, customer=customer)
    notes.strike_out(row, by=signed_in(request), at=timezone.now())
    return _back(request, customer)


def _back(request: HttpRequest, customer: Customer) -> HttpResponse:
    return HttpResponseRedirect(came_from(request, default=customer.get_absolute_url()))

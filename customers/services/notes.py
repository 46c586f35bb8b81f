"""Notes on a customer: the staff tell each other what to know of him."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import Customer, CustomerNote, User

from . import audit

LONGEST_NOTE = 2000


class MayNotNote(PermissionDenied):
    """The staff user may not write on this customer, or strike this note out. The message says why."""


def add_note(customer: Customer, *, text: str, by: User, at: datetime) -> CustomerNote:
    """Write a note and return it.

    Raises MayNotNote for a customer whom `by` may not change, ValidationError for an empty text or one too long.
    """
    if not Customer.objects.editable_by(by).filter(pk=customer.pk).exists():
        raise MayNotNote(_("You may not change this customer."))
    text = text.strip()
    if not text:
        raise ValidationError({"text": _("Write something.")})
    if len(text) > LONGEST_NOTE:
        raise ValidationError({"text": _("A note has %(most)d characters at most.") % {"most": LONGEST_NOTE}})
    with transaction.atomic():
        note = CustomerNote.objects.create(customer=customer, text=text, by=by, at=at)
        audit.record("note.added", CustomerNote.objects.filter(pk=note.pk), by=by, at=at)
    return note


def strike_out(note: CustomerNote, *, by: User, at: datetime) -> None:
    """Mark a note as no longer meant; it stays readable. Repeating is safe. Raises MayNotNote unless `by` wrote it."""
    if note.by_id != by.pk:
        raise MayNotNote(_("Only who wrote a note strikes it out."))
    with transaction.atomic():
        this = CustomerNote.objects.filter(pk=note.pk)
        if this.standing().update(struck_at=at):
            audit.record("note.struck_out", this, by=by, at=at, fields=["struck_at"])

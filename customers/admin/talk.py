"""A conversation as the panel shows it: what was said, and what the staff wrote down beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from customers.models import Attachment, Inquiry, InquiryMessage, InquiryNote, User

from .cells import moment, staff_name

if TYPE_CHECKING:
    from customers.models.inquiry_note import InquiryNoteQuerySet

# A page shows so many messages; earlier ones are asked for.
SHOWN = 100


@dataclass(frozen=True)
class Entry:
    """A message, or a note of the staff, which no buyer sees. `kind` is the author, or "note"."""

    pk: int
    inquiry: int
    kind: str
    who: str
    text: str
    moment: datetime
    at: str
    files: list[Attachment] = field(default_factory=list)


def talk(inquiry: Inquiry, user: User, *, before: int | None = None) -> list[Entry]:
    """The last messages (before that one) with the notes of their time, in order. Four queries."""
    messages = InquiryMessage.objects.filter(inquiry=inquiry)
    if before is not None:
        messages = messages.filter(pk__lt=before)
    said = said_in(messages.order_by("-pk")[: SHOWN + 1])
    shown = sorted(said, key=lambda entry: entry.pk)[-SHOWN:]
    written = written_in(InquiryNote.objects.filter(inquiry=inquiry), user)
    if len(said) > SHOWN or before is not None:
        written = [entry for entry in written if shown and entry.moment >= shown[0].moment]
    if before is not None:
        written = [entry for entry in written if shown and entry.moment <= shown[-1].moment]
    return sorted([*shown, *written], key=lambda entry: (entry.moment, entry.kind == "note", entry.pk))


def is_cut(entries: list[Entry]) -> bool:
    """Whether there may be earlier messages."""
    return sum(entry.kind != "note" for entry in entries) >= SHOWN


def news(inquiry: Inquiry, user: User, *, message: int, note: int) -> list[Entry]:
    """What was said and written after that message and that note."""
    said = said_in(InquiryMessage.objects.filter(inquiry=inquiry, pk__gt=message).order_by("pk"))
    written = written_in(InquiryNote.objects.filter(inquiry=inquiry, pk__gt=note), user)
    return sorted([*said, *written], key=lambda entry: (entry.moment, entry.kind == "note", entry.pk))


def said_in(messages: QuerySet[InquiryMessage]) -> list[Entry]:
    return [
        Entry(
            pk=row.pk,
            inquiry=row.inquiry_id,
            kind=row.author,
            who=staff_name(row.user) if row.user else row.get_author_display(),
            text=row.text,
            moment=row.at,
            at=moment(row.at),
            files=list(row.attachments.all()),
        )
        for row in messages.select_related("user").prefetch_related("attachments")
    ]


def written_in(notes: InquiryNoteQuerySet, user: User) -> list[Entry]:
    rows = notes.visible_to(user).select_related("by", "to_agent").order_by("pk")
    return [
        Entry(
            pk=row.pk,
            inquiry=row.inquiry_id,
            kind="note",
            who=f"{_headline(row)} · {staff_name(row.by)}",
            text=row.text,
            moment=row.at,
            at=moment(row.at),
        )
        for row in rows
    ]


def _headline(note: InquiryNote) -> str:
    if note.kind == InquiryNote.Kind.TRANSFER:
        return _("Given to %(agent)s") % {"agent": note.to_agent}
    if note.kind == InquiryNote.Kind.RESULT:
        result = note.get_result_display()
        return _("Closed: %(result)s") % {"result": result} if result else _("Closed")
    return note.get_kind_display().capitalize()

"""Excerpts of conversations, as evidence: what was said last, when, and by whom."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Inquiry, InquiryMessage
from customers.services.files import CheckedFile

LAST_MESSAGES = 20


def excerpt(inquiry: Inquiry, *, at: datetime) -> list[CheckedFile]:
    """The last messages of the conversation as a text file, in order; empty where nothing was said."""
    messages = InquiryMessage.objects.filter(inquiry=inquiry).select_related("user").prefetch_related("attachments")
    last = list(messages.order_by("-pk")[:LAST_MESSAGES])
    if not last:
        return []
    head = _("Inquiry #%(number)d: the last %(count)d messages, taken at %(moment)s") % {
        "number": inquiry.pk,
        "count": len(last),
        "moment": _moment(at),
    }
    text = "\n\n".join([head, *(_told(message) for message in reversed(last))])
    name = f"inquiry-{inquiry.pk}-{timezone.localtime(at):%Y-%m-%d-%H%M}.txt"
    return [CheckedFile(name=name, media_type="text/plain", content=f"{text}\n".encode())]


def _told(message: InquiryMessage) -> str:
    user = message.user
    who = (user.get_full_name() or user.get_username()) if user else message.get_author_display()
    files = [_("[file: %(name)s]") % {"name": file.name} for file in message.attachments.all()]
    return "\n".join([f"{_moment(message.at)} {who}:", *filter(None, [message.text, *files])])


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %z}"

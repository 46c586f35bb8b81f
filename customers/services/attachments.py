"""Files in conversations."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from customers.models import Attachment, InquiryMessage

from .files import IMAGES, OFFICE, PDF, FileRules

MOST_FILES = 5
ENDINGS = {
    **IMAGES,
    **PDF,
    f"{OFFICE}.spreadsheetml.sheet": ("xlsx",),
    f"{OFFICE}.wordprocessingml.document": ("docx",),
    "text/plain": ("txt", "csv"),
}


def attachment_rules() -> FileRules:
    return FileRules(ENDINGS, most_bytes=settings.ATTACHMENT_BYTES, most_files=MOST_FILES)


def attach(attachments: Sequence[Attachment], message: InquiryMessage) -> None:
    for row in attachments:
        row.message = message
    Attachment.objects.bulk_create(attachments)

"""Files in conversations: what is taken in, by its content and not by its name, and where it lies."""

from __future__ import annotations

import io
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.http import FileResponse
from django.utils.translation import gettext as _

from customers.models import Attachment, InquiryMessage

if TYPE_CHECKING:
    from django.core.files import File

MOST_FILES = 5
LONGEST_NAME = 100
OFFICE = "application/vnd.openxmlformats-officedocument"
# What is taken in: the endings that a name may have, by the type that the content shows.
ENDINGS = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "application/pdf": ("pdf",),
    f"{OFFICE}.spreadsheetml.sheet": ("xlsx",),
    f"{OFFICE}.wordprocessingml.document": ("docx",),
    "text/plain": ("txt", "csv"),
}
BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


@dataclass(frozen=True)
class CheckedFile:
    """A file that may be kept: its name as people see it, the type that its content shows, and its bytes."""

    name: str
    media_type: str
    content: bytes


def checked(files: Sequence[File[bytes]]) -> list[CheckedFile]:
    """The files, read and checked. Raises ValidationError that names the file and says what is wrong with it."""
    if len(files) > MOST_FILES:
        raise ValidationError({"files": _("A message holds %(most)d files at most.") % {"most": MOST_FILES}})
    return [_checked(file) for file in files]


@contextmanager
def kept(files: Sequence[CheckedFile]) -> Iterator[list[Attachment]]:
    """The files written to disk, as attachments that still lack their message. An error inside removes them again."""
    attachments = []
    try:
        for file in files:
            row = Attachment(name=file.name, media_type=file.media_type, size=len(file.content))
            row.file.save(uuid.uuid4().hex, ContentFile(file.content), save=False)
            attachments.append(row)
        yield attachments
    except BaseException:
        discard(attachments)
        raise


def discard(attachments: Sequence[Attachment]) -> None:
    """Take files that were kept from the disk again."""
    for row in attachments:
        row.file.delete(save=False)


def attach(attachments: Sequence[Attachment], message: InquiryMessage) -> None:
    for row in attachments:
        row.message = message
    Attachment.objects.bulk_create(attachments)


def download(attachment: Attachment) -> FileResponse:
    """The file for whoever may see it: only ever saved or shown as an image, never opened as a page of ours."""
    answer = FileResponse(
        attachment.file.open("rb"), as_attachment=True, filename=attachment.name, content_type=attachment.media_type
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


def _checked(file: File[bytes]) -> CheckedFile:
    name = _plain_name(file.name or "")
    limit = settings.ATTACHMENT_BYTES
    if (file.size or 0) > limit:
        raise _refused(name, _("it is larger than %(most)d MB.") % {"most": limit // 1_000_000})
    content = file.read()
    if not content:
        raise _refused(name, _("it is empty."))
    media_type = _type_of(content)
    stem, _dot, ending = name.rpartition(".")
    if ending.lower() not in ENDINGS.get(media_type, ()) or not stem:
        allowed = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
        raise _refused(name, _("its content must be what its name says, one of %(allowed)s.") % {"allowed": allowed})
    # one ending only: "invoice.php.png" is shown as "invoice_php.png"
    short = stem.replace(".", "_")[: LONGEST_NAME - len(ending) - 1]
    return CheckedFile(name=f"{short}.{ending.lower()}", media_type=media_type, content=content)


def _refused(name: str, why: str) -> ValidationError:
    return ValidationError({"files": _("%(name)s is not taken: %(why)s") % {"name": name or "?", "why": why}})


def _plain_name(name: str) -> str:
    """The last part of the path, without what cannot be seen."""
    last = PurePath(name.replace("\\", "/")).name
    return "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip(" .")


def _type_of(content: bytes) -> str:
    """What the content is, by its first bytes; empty where it is nothing that is taken in."""
    for beginning, media_type in BEGINNINGS:
        if content.startswith(beginning):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"PK\x03\x04"):
        return _office_type(content)
    return "text/plain" if _is_text(content) else ""


def _office_type(content: bytes) -> str:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    except (zipfile.BadZipFile, ValueError):
        return ""
    if any(name.endswith("vbaProject.bin") for name in names):
        return ""
    if "xl/workbook.xml" in names:
        return f"{OFFICE}.spreadsheetml.sheet"
    return f"{OFFICE}.wordprocessingml.document" if "word/document.xml" in names else ""


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return "\0" not in text

"""Files that people send: what is taken in, by its content and not by its name, and where it lies."""

from __future__ import annotations

import io
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.http import FileResponse, Http404
from django.utils.translation import gettext as _

from customers.models import StoredFile

if TYPE_CHECKING:
    from django.core.files import File

LONGEST_NAME = 100
OFFICE = "application/vnd.openxmlformats-officedocument"
# The endings that a name may have, by the type that the content shows.
IMAGES = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
}
PDF = {"application/pdf": ("pdf",)}
BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
Stored = TypeVar("Stored", bound=StoredFile)


@dataclass(frozen=True)
class CheckedFile:
    """A file that may be kept: its name as people see it, the type that its content shows, and its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class FileRules:
    """What a door takes in: endings by type, so many bytes a file, so many files at once."""

    endings: Mapping[str, Sequence[str]]
    most_bytes: int
    most_files: int

    def accept(self) -> str:
        """The endings as the file field of a form knows them."""
        return ",".join(f".{ending}" for endings in self.endings.values() for ending in endings)


def checked(files: Sequence[File[bytes]], rules: FileRules) -> list[CheckedFile]:
    """The files, read and checked. Raises ValidationError that names the file and says what is wrong with it."""
    if len(files) > rules.most_files:
        raise ValidationError({"files": _("At most %(most)d files are taken at once.") % {"most": rules.most_files}})
    return [_checked(file, rules) for file in files]


@contextmanager
def kept(files: Sequence[CheckedFile], model: type[Stored]) -> Iterator[list[Stored]]:
    """The files written to disk, as rows that are not saved yet. An error inside removes the files again.

    So it stands around the transaction that saves the rows, never inside one that may still fail.
    """
    rows: list[Stored] = []
    try:
        for file in files:
            row = model(name=file.name, media_type=file.media_type, size=len(file.content))
            row.file.save(uuid.uuid4().hex, ContentFile(file.content), save=False)
            rows.append(row)
        yield rows
    except BaseException:
        discard(rows)
        raise


def discard(rows: Sequence[StoredFile]) -> None:
    """Take files that were kept from the disk again."""
    for row in rows:
        row.file.delete(save=False)


def download(row: StoredFile) -> FileResponse:
    """The file for whoever may see it: only ever saved or shown as an image, never opened as a page of ours.

    Raises Http404 where the disk has it no more.
    """
    try:
        content = row.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    answer = FileResponse(content, as_attachment=True, filename=row.name, content_type=row.media_type)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


def _checked(file: File[bytes], rules: FileRules) -> CheckedFile:
    name = _plain_name(file.name or "")
    if (file.size or 0) > rules.most_bytes:
        raise _refused(name, _("it is larger than %(most)d MB.") % {"most": rules.most_bytes // 1_000_000})
    content = file.read()
    if not content:
        raise _refused(name, _("it is empty."))
    media_type = _type_of(content)
    stem, _dot, ending = name.rpartition(".")
    if ending.lower() not in rules.endings.get(media_type, ()) or not stem:
        allowed = ", ".join(ending for endings in rules.endings.values() for ending in endings)
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

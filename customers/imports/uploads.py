"""Files that are uploaded to be imported: kept below the data folder under names of our own, and not for ever."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from customers.models import ImportRun, Source, User
from customers.services import audit

from . import csv_mapping
from .csv_kinds import KINDS
from .files import Table, WrongFile
from .plain_csv import PlainCsvFile
from .qianniu import is_export
from .workbooks import Workbook, open_table

FOLDER = "imports/uploads"
GZIP = b"\x1f\x8b"
SHOWN_ROWS = 10
BEFORE_IT_RUNS = (ImportRun.State.UPLOADED, ImportRun.State.REFUSED)


class BadUpload(ValueError):
    """The file cannot be taken. The message is one sentence for the clerk."""


class AlreadyStarted(Exception):
    """The import has been started, so nothing of it can be changed."""


@dataclass(frozen=True)
class Look:
    """What one sees of a table without reading it all."""

    header: list[str]
    rows: list[list[str]]


def keep_upload(upload: UploadedFile[bytes], *, source: Source, by: User, at: datetime) -> ImportRun:
    """Keep the file and make the record of its import, which is not started. Raises BadUpload; then nothing is kept."""
    name = _own_name(upload.name or "")
    if (upload.size or 0) > settings.IMPORT_UPLOAD_LIMIT:
        sizes = {
            "file": name,
            "size": filesizeformat(upload.size or 0),
            "limit": filesizeformat(settings.IMPORT_UPLOAD_LIMIT),
        }
        raise BadUpload(
            _("%(file)s has %(size)s; at most %(limit)s can be uploaded. Import it with the command import_shop.")
            % sizes
        )
    path = Path(settings.DATA_DIR) / FOLDER / secrets.token_hex(16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as kept:
        for piece in upload.chunks():
            kept.write(piece)
    try:
        table = _opened(path, name)
        run = _record(table, source=source, by=by, at=at)
    except WrongFile as error:
        path.unlink()
        raise BadUpload(str(error)) from error
    except Exception:
        path.unlink()
        raise
    return run


def _own_name(name: str) -> str:
    """The last part of a name that may come from any system's folders, as text that can be shown and stored."""
    last = PurePosixPath(PureWindowsPath(name).as_posix()).name
    return "".join(ch for ch in last if ch.isprintable())[:255] or "?"


def _opened(path: Path, name: str) -> Table:
    """The table, if it is one, with its header. What it is, its content tells and not its name. Raises WrongFile."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith(GZIP):
        raise WrongFile(_("%(file)s is packed (gzip). Unpack it and upload what is in it.") % {"file": name})
    table = open_table(path, name=name, csv_file=PlainCsvFile)
    if not isinstance(table, Workbook) and b"\0" in start:
        raise WrongFile(_("%(file)s is neither a CSV file nor a workbook.") % {"file": name})
    if not any(table.header()):
        raise WrongFile(_("%(file)s has no row with the names of its columns.") % {"file": name})
    return table


@transaction.atomic
def _record(table: Table, *, source: Source, by: User, at: datetime) -> ImportRun:
    header = table.header()
    run = ImportRun(
        format="csv",
        file_name=table.name,
        source=source,
        upload_path=str(table.path.relative_to(settings.DATA_DIR)),
        state=ImportRun.State.UPLOADED,
        started_at=at,
        by=by,
    )
    if before := _mapped_before(header, source):
        run.kind, run.mapping = before.kind, before.mapping
    elif is_export(header):
        run.format = "qianniu"
    else:
        run.kind = csv_mapping.guess_kind(header)
        run.mapping = csv_mapping.guess(run.kind, header) if run.kind else {}
    run.save()
    audit.record("import.uploaded", ImportRun.objects.filter(pk=run.pk), by=by, at=at)
    return run


def _mapped_before(header: Sequence[str], source: Source) -> ImportRun | None:
    """The latest run of this source whose table had the same columns, and of which somebody said what they are."""
    keys = [csv_mapping.header_key(kind, header) for kind in KINDS]
    return ImportRun.objects.filter(header_key__in=keys, source=source).order_by("-pk").first()


def uploaded_file(run: ImportRun) -> Path | None:
    """Where the upload lies, as long as it is kept."""
    path = Path(settings.DATA_DIR) / run.upload_path
    return path if run.upload_path and path.is_file() else None


def look_into(run: ImportRun) -> Look:
    """The columns of the upload and its first rows. Raises WrongFile where it is gone or cannot be read."""
    path = uploaded_file(run)
    if path is None:
        raise WrongFile(_("The uploaded file is not kept any more. Upload it again."))
    table = open_table(path, name=run.file_name, csv_file=PlainCsvFile)
    rows = table.rows(on_bad_row=lambda line, reason: None, on_progress=lambda done, total: None)
    return Look(header=table.header(), rows=[fields for _line, fields in islice(rows, SHOWN_ROWS)])


def map_columns(run: ImportRun, *, kind: str, mapping: Mapping[str, str]) -> None:
    """Say what the rows are and which column is which field; remembered for the next file of this source like it.

    Raises csv_mapping.WrongMapping, WrongFile, and AlreadyStarted.
    """
    header = look_into(run).header
    told = {
        "format": "csv",
        "kind": kind,
        "mapping": csv_mapping.checked(kind, mapping, header),
        "header_key": csv_mapping.header_key(kind, header),
        "forecast": None,
        "message": "",
        "state": ImportRun.State.UPLOADED,
    }
    if not ImportRun.objects.filter(pk=run.pk, state__in=BEFORE_IT_RUNS).update(**told):
        raise AlreadyStarted
    for name, value in told.items():
        setattr(run, name, value)


def throw_away_old(*, at: datetime) -> None:
    """Delete uploads after IMPORT_KEEP_DAYS, with the records of those that nobody imported. Repeating is safe."""
    before = at - timedelta(days=settings.IMPORT_KEEP_DAYS)
    old = ImportRun.objects.filter(started_at__lt=before).exclude(upload_path="").exclude(state=ImportRun.State.RUNNING)
    for run in old.only("upload_path"):
        (Path(settings.DATA_DIR) / run.upload_path).unlink(missing_ok=True)
    old.filter(state=ImportRun.State.UPLOADED).delete()
    old.update(upload_path="")

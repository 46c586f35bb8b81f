"""One import from beginning to end, with its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, reset_queries, transaction
from django.utils.translation import gettext as _

from customers.models import ImportRun, Source, User
from customers.services import audit

from .base import Format
from .files import WrongFile
from .formats import FORMATS
from .loading import Loading, created_counts
from .rejects import Rejects
from .staging import Progress


class UnknownFormat(ValueError):
    """There is no format of this name. The message names those there are."""


class UnknownSource(ValueError):
    """There is no source of this code. The message names those there are."""


def import_shop(
    format_name: str,
    path: Path,
    *,
    by: User | None,
    now: Callable[[], datetime],
    progress: Progress,
    source_code: str = "",
) -> ImportRun:
    """Import what lies at `path` and return the record of it; its state and message say how it went.

    Refused: the files are of another kind, nothing was changed. Failed: something unforeseen stopped it half-way (which
    is raised); what was committed stays, and running again completes it. Finished, the message has what the clerk
    should know all the same. Repeating is safe. The rows belong to the source `source_code`, by default the format's
    own, which is made where it is missing. Raises UnknownFormat and UnknownSource. `now` is the clock, because an
    import lasts.
    """
    if format_name not in FORMATS:
        raise UnknownFormat(
            _("Unknown format %(format)s. There are: %(formats)s.")
            % {"format": format_name, "formats": ", ".join(FORMATS)}
        )
    _check_source(source_code)
    run = ImportRun.objects.create(format=format_name, file_name=path.resolve().name[:255], started_at=now(), by=by)
    with _unmapped_database(), Rejects(settings.DATA_DIR / "imports" / f"{run.pk}.csv") as rejects:
        state, message = ImportRun.State.FAILED, _("The import stopped half-way. Running it again completes it.")
        try:
            with closing(FORMATS[format_name](path, rejects=rejects, progress=_forgetful(progress))) as reading:
                reading.read()
                reading.write(Loading(run, _source(reading, source_code)))
                state, message = ImportRun.State.FINISHED, "\n".join(reading.notes)
        except WrongFile as error:
            state, message = ImportRun.State.REFUSED, str(error)
        finally:
            run.state, run.message = state, message
            _record_end(run, rejects, at=now())
    return run


def _check_source(code: str) -> None:
    if code and not Source.objects.filter(code=code).exists():
        known = ", ".join(Source.objects.order_by("code").values_list("code", flat=True)) or "-"
        raise UnknownSource(_("There is no source %(code)s. Known: %(known)s.") % {"code": code, "known": known})


def _source(reading: Format, code: str) -> Source:
    if code:
        return Source.objects.get(code=code)
    source, _created = Source.objects.get_or_create(
        code=reading.source_code, defaults={"name": reading.source_name, "is_marketplace": True}
    )
    return source


@contextmanager
def _unmapped_database() -> Iterator[None]:
    """SQLite maps the database file into memory, which an import would fill with the whole shop."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA mmap_size")
        (mapped,) = cursor.fetchone()
        cursor.execute("PRAGMA mmap_size=0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA mmap_size={int(mapped)}")


def _forgetful(progress: Progress) -> Progress:
    """With DEBUG on, Django remembers the statements it ran, which would be the whole shop."""

    def show(label: str, done: int, total: int) -> None:
        reset_queries()
        progress(label, done, total)

    return show


def _record_end(run: ImportRun, rejects: Rejects, *, at: datetime) -> None:
    run.finished_at = at
    run.created_counts = created_counts(run)
    run.rejected_count = rejects.count
    run.rejects_path = str(rejects.path.relative_to(settings.DATA_DIR)) if rejects.count else ""
    with transaction.atomic():
        run.save()
        rows = ImportRun.objects.filter(pk=run.pk)
        audit.record(f"import.{run.state}", rows, by=run.by, at=at, reason=run.message)

"""One import from beginning to end, with its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, reset_queries, transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from customers.models import ImportRun, Source, User
from customers.services import audit

from .base import Format, ImportedFile, PreviewedFormat
from .files import WrongFile
from .forecasts import Forecast
from .formats import FORMATS
from .loading import Loading, created_counts
from .rejects import Rejects
from .staging import Progress

# How often a run without a job writes down that it is at work, and after how long a silence nobody is.
TELL_EVERY = timedelta(seconds=10)
SILENT = timedelta(minutes=10)


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
    kind: str = "",
    mapping: Mapping[str, str] | None = None,
) -> ImportRun:
    """Import what lies at `path` and return the record of it; its state and message say how it went.

    The rows belong to the source `source_code`, by default the format's own, which is made where it is missing.
    `kind` and `mapping` say what the rows of a table are and which column is which field. Raises UnknownFormat and
    UnknownSource. `now` is the clock, because an import lasts. Otherwise as `carry_out`.
    """
    if format_name not in FORMATS:
        raise UnknownFormat(
            _("Unknown format %(format)s. There are: %(formats)s.")
            % {"format": format_name, "formats": ", ".join(FORMATS)}
        )
    _check_source(source_code, is_needed=not FORMATS[format_name].source_code)
    began = now()
    run = ImportRun.objects.create(
        format=format_name,
        file_name=path.resolve().name[:255],
        source=Source.objects.filter(code=source_code).first(),
        kind=kind,
        mapping=mapping or {},
        started_at=began,
        progressed_at=began,
        by=by,
    )
    return carry_out(run, path, now=now, progress=_heard(run, progress, now=now))


def carry_out(run: ImportRun, path: Path, *, now: Callable[[], datetime], progress: Progress) -> ImportRun:
    """Import what lies at `path` as this run says, and record in it how that went.

    Refused: the files are of another kind, nothing was changed. Failed: something unforeseen stopped it half-way (which
    is raised); what was committed stays, and running again completes it. Finished, the message has what the clerk
    should know all the same. Repeating is safe.
    """
    with _unmapped_database(), Rejects(rejects_file(run)) as rejects:
        state, message = ImportRun.State.FAILED, _half_way()
        try:
            with closing(_reading(run, path, rejects, progress)) as reading:
                reading.read()
                run.source = run.source or _own_source(reading)
                reading.write(Loading(run, run.source))
                state, message = ImportRun.State.FINISHED, "\n".join(reading.notes)
        except WrongFile as error:
            state, message = ImportRun.State.REFUSED, str(error)
        finally:
            run.state, run.message = state, message
            _record_end(run, rejects, at=now())
    return run


def end_killed(*, at: datetime) -> None:
    """Record of runs without a job that fell silent that they stopped half-way; repeating is safe.

    One that was only slow records its own end over that.
    """
    running = ImportRun.objects.filter(state=ImportRun.State.RUNNING, job__isnull=True)
    last_heard = Coalesce("progressed_at", "started_at")
    for run in running.alias(last_heard=last_heard).filter(last_heard__lt=at - SILENT).select_related("by"):
        with transaction.atomic():
            message, counts = _half_way(), created_counts(run)
            told = {"state": ImportRun.State.FAILED, "message": message, "finished_at": at, "created_counts": counts}
            if running.filter(pk=run.pk).update(**told):
                this = ImportRun.objects.filter(pk=run.pk)
                audit.record("import.failed", this, by=run.by, at=at, reason=message)


def foretell(run: ImportRun, path: Path, *, at: datetime, progress: Progress) -> ImportRun:
    """Read and match what lies at `path` as the import would, write nothing of it, and record what would change.

    Raises WrongFile, and TypeError for a format that cannot tell.
    """
    if run.source is None:
        raise TypeError("a run that is foretold has a source")
    with _unmapped_database(), Rejects(rejects_file(run)) as rejects, closing(Forecast(run.source, at=at)) as forecast:
        with closing(_reading(run, path, rejects, progress)) as reading:
            if not isinstance(reading, PreviewedFormat):
                raise TypeError(f"{run.format} cannot foretell")
            reading.read()
            reading.foretell(forecast)
        run.forecast, run.message = forecast.counts(), ""
        _count_rejects(run, rejects)
    run.save(update_fields=["forecast", "message", "rejected_count", "rejects_path"])
    return run


def rejects_file(run: ImportRun) -> Path:
    return Path(settings.DATA_DIR) / "imports" / f"{run.pk}.csv"


def _reading(run: ImportRun, path: Path, rejects: Rejects, progress: Progress) -> Format:
    file = ImportedFile(path, name=run.file_name, kind=run.kind, mapping=run.mapping)
    return FORMATS[run.format](file, rejects=rejects, progress=_forgetful(progress))


def _check_source(code: str, *, is_needed: bool) -> None:
    if (code or is_needed) and not Source.objects.filter(code=code).exists():
        known = ", ".join(Source.objects.order_by("code").values_list("code", flat=True)) or "-"
        if not code:
            raise UnknownSource(_("Say which source the rows are of. Known: %(known)s.") % {"known": known})
        raise UnknownSource(_("There is no source %(code)s. Known: %(known)s.") % {"code": code, "known": known})


def _own_source(reading: Format) -> Source:
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


def _half_way() -> str:
    return _("The import stopped half-way. Running it again completes it.")


def _heard(run: ImportRun, progress: Progress, *, now: Callable[[], datetime]) -> Progress:
    def show(label: str, done: int, total: int) -> None:
        at = now()
        if run.progressed_at is None or at - run.progressed_at >= TELL_EVERY:
            run.progressed_at = at
            run.save(update_fields=["progressed_at"])
        progress(label, done, total)

    return show


def _forgetful(progress: Progress) -> Progress:
    """With DEBUG on, Django remembers the statements it ran, which would be the whole shop."""

    def show(label: str, done: int, total: int) -> None:
        reset_queries()
        progress(label, done, total)

    return show


def _record_end(run: ImportRun, rejects: Rejects, *, at: datetime) -> None:
    run.finished_at = at
    run.created_counts = created_counts(run)
    _count_rejects(run, rejects)
    with transaction.atomic():
        run.save()
        rows = ImportRun.objects.filter(pk=run.pk)
        audit.record(f"import.{run.state}", rows, by=run.by, at=at, reason=run.message)


def _count_rejects(run: ImportRun, rejects: Rejects) -> None:
    run.rejected_count = rejects.count
    run.rejects_path = str(rejects.path.relative_to(settings.DATA_DIR)) if rejects.count else ""

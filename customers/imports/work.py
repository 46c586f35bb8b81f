"""Imports as background work: trying one, which changes nothing, and importing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import ImportRun, Job, User
from customers.services import jobs
from customers.services.jobs import CannotGoOn, JobKind, asker
from customers.services.reverts import RevertImport

from .files import WrongFile
from .runs import carry_out, foretell
from .staging import Progress
from .uploads import AlreadyStarted, uploaded_file

State = ImportRun.State

# How often progress is written down.
TELL_EVERY = timedelta(milliseconds=500)


class ImportKind(JobKind):
    """A job over one run, which the parameter `run` names."""

    is_long = True

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        by = asker(job)
        run = ImportRun.objects.select_related("source").get(pk=job.parameters["run"])
        if not by.has_perm("customers.add_importrun"):
            raise CannotGoOn(_("You may not import."))
        path = uploaded_file(run)
        if path is None:
            raise CannotGoOn(_("The uploaded file is not kept any more. Upload it again."))
        self.work_on(run, path, job=job, clock=clock)

    def work_on(self, run: ImportRun, path: Path, *, job: Job, clock: Callable[[], datetime]) -> None:
        raise NotImplementedError


class TryImport(ImportKind):
    name = "try_import"
    label = gettext_lazy("Preview of an import")

    def work_on(self, run: ImportRun, path: Path, *, job: Job, clock: Callable[[], datetime]) -> None:
        try:
            foretell(run, path, at=clock(), progress=_written_down(job, run, clock))
        except WrongFile as error:
            ImportRun.objects.filter(pk=run.pk, state=State.UPLOADED).update(state=State.REFUSED, message=str(error))
            raise CannotGoOn(str(error)) from error


class Import(ImportKind):
    name = "import"
    label = gettext_lazy("Import")

    def work_on(self, run: ImportRun, path: Path, *, job: Job, clock: Callable[[], datetime]) -> None:
        carry_out(run, path, now=clock, progress=_written_down(job, run, clock))
        job.message, job.refused_count = run.message, run.rejected_count
        if run.state != State.FINISHED:
            raise CannotGoOn(run.message)


def _written_down(job: Job, run: ImportRun, clock: Callable[[], datetime]) -> Progress:
    """Progress in the job's row, and what is being done in the run's."""
    told_at: datetime | None = None

    def tell(label: str, done: int, total: int) -> None:
        nonlocal told_at
        step = ImportRun.Step.READING if label == run.file_name else ImportRun.Step.WRITING
        job.done_count, job.total = done, total
        at = clock()
        if step != run.step:
            ImportRun.objects.filter(pk=run.pk).update(step=step)
            run.step = step
        elif told_at and at - told_at < TELL_EVERY:
            return
        jobs.renew(job, at=at)
        told_at = at

    return tell


def try_out(run: ImportRun, *, by: User, at: datetime) -> Job:
    """Ask for the preview of an import that is not started. Raises AlreadyStarted."""
    return _ask(TryImport.name, run, ImportRun.objects.filter(state=State.UPLOADED), by=by, at=at, forecast=None)


def start(run: ImportRun, *, by: User, at: datetime) -> Job:
    """Start an import, or start again one that stopped: that completes it. Raises AlreadyStarted."""
    stopped = Q(state=State.RUNNING) & ~Q(job__state__in=[Job.State.WAITING, Job.State.RUNNING])
    startable = ImportRun.objects.exclude(upload_path="").filter(Q(state__in=[State.UPLOADED, State.FAILED]) | stopped)
    told: dict[str, Any] = {"state": State.RUNNING, "message": "", "started_at": at, "finished_at": None}
    return _ask(Import.name, run, startable, by=by, at=at, **told)


def revert(run: ImportRun, *, by: User, at: datetime, is_trial: bool = False) -> Job:
    """Ask for a run that is over to be reverted, or, for a trial, to be told what that would do. Repeating is safe.

    Raises AlreadyStarted where the run is not over, or something is at work on it.
    """
    over = ImportRun.objects.filter(state__in=[State.FINISHED, State.FAILED, State.REVERTED])
    return _ask(RevertImport.name, run, over, by=by, at=at, parameters={"is_trial": is_trial})


@transaction.atomic
def _ask(
    kind: str,
    run: ImportRun,
    askable: QuerySet[ImportRun],
    *,
    by: User,
    at: datetime,
    parameters: Mapping[str, object] | None = None,
    **told: object,
) -> Job:
    """Start a job over the run if it is among the `askable` and no other job over it is under way."""
    free = askable.exclude(job__state__in=[Job.State.WAITING, Job.State.RUNNING])
    # by itself: PostgreSQL locks no row together with a job that may be missing
    ImportRun.objects.select_for_update().get(pk=run.pk)
    if not free.filter(pk=run.pk).exists():
        raise AlreadyStarted
    job = jobs.start(kind, by=by, at=at, run=run.pk, **(parameters or {}))
    ImportRun.objects.filter(pk=run.pk).update(job=job, step="", **told)
    run.refresh_from_db()
    return job

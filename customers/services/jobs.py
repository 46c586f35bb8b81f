"""Work that may outlast a request: asking for it, doing it in short steps, and its record.

The rows are the truth; a wake of the queue only makes a worker look at them. A kind of job is a class that an app
registers in `parts.job_kinds`; one step of it is one short transaction, so a killed worker loses no more than a step.
"""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.bulk import stretch_end
from customers.filters import InvalidFilter
from customers.models import Job, User
from customers.parts import NotificationKind, parts
from customers.signals import work_waiting

from .notifications import notify

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


logger = logging.getLogger(__name__)

# A wake works no longer than this, then stands behind the others again.
STRETCH = timedelta(seconds=5)
# At least three times the longest step; a long kind renews it at each sign of progress.
LEASE = timedelta(minutes=2)
# Work without progress for so long has lost its wake: the worker died, or the queue was emptied.
STALLED = timedelta(seconds=15)
# Long jobs that run at the same time, each in a process of its own; further ones wait.
MOST_APART = 2


def _tell_end(parameters: Mapping[str, Any]) -> str:
    kind = parts.job_kinds.get(parameters["kind"])
    said = {"job": kind.label if kind else parameters["kind"], "state": Job.State(parameters["state"]).label}
    return _("%(job)s: %(state)s") % said


JOB_ENDED = NotificationKind(
    name="job_ended", label=gettext_lazy("a job of mine has ended"), tell=_tell_end, is_personal=True
)


# What a step writes in the job's row: who decided that it may go on, and how far it is.
APPROVED = ["approved_by", "approved_at", "is_decided_alone"]
REPORTED = ["total", "done_count", "refused_count", "message", "result_path"]


class CannotGoOn(Exception):
    """The job stops and says why, in a sentence for whoever asked for it."""


class Lost(Exception):
    """Somebody cancelled the job, or another worker has it: whoever is at work on it stops and leaves it alone."""


class WaitForApproval(Exception):
    """What the job would do needs a second person: it stands still until somebody else lets it go on."""


class JobKind:
    """What a kind of job does. `is_long`: one step takes longer than a wake may, so it runs in a process of its own."""

    name: ClassVar[str]
    label: ClassVar[StrOrPromise]
    is_long: ClassVar[bool] = False

    def step(self, job: Job, *, at: datetime) -> bool:
        """Do a little in the transaction that is open; return whether more is left.

        Writes progress into `job`, which is saved afterwards. Doing a step twice changes nothing.
        Raises CannotGoOn, PermissionDenied, ValidationError or InvalidFilter to stop the job for good.
        """
        raise NotImplementedError

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        """A long kind: do it all, in transactions of its own, and `renew` the lease at each sign of progress."""
        while self.step(job, at=clock()):
            pass

    def tell_approvers(self, job: Job, *, at: datetime) -> None:
        """Tell those who may let the job go on that it waits for one of them. Repeating refreshes the news."""

    def describe(self, job: Job) -> str:
        """What was asked for, in one line of the active language."""
        return str(self.label)


class SearchKind(JobKind):
    """A job that looks through all rows of a kind, in stretches of their ids."""

    def rows(self) -> QuerySet[Any]:
        """What it looks through."""
        raise NotImplementedError

    def begin(self) -> None:
        """Before the first stretch."""

    def search(self, stretch: Any, *, at: datetime) -> None:
        """Look through these rows. Repeating is safe."""
        raise NotImplementedError

    def found(self) -> str:
        """What it says at the end."""
        raise NotImplementedError

    def step(self, job: Job, *, at: datetime) -> bool:
        rows = self.rows()
        if job.total is None:
            self.begin()
            job.total = rows.count()
        rest = rows.filter(pk__gt=job.collected_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            job.message = self.found()
            return False
        stretch = rest.filter(pk__lte=last)
        job.done_count += stretch.count()
        self.search(stretch, at=at)
        job.collected_up_to = last
        return True


def asker(job: Job) -> User:
    """Who asked for the job and answers for it. Raises CannotGoOn where nobody did."""
    if job.by is None:
        raise CannotGoOn(_("Nobody is named who asked for this."))
    return job.by


def start(kind: str, *, by: User | None, at: datetime, **parameters: Any) -> Job:
    """Write the job down and wake a worker on commit; `by` is None for the house itself. KeyError: unknown kind."""
    with transaction.atomic():
        job = _written(kind, parameters, by=by, at=at)
        transaction.on_commit(wake)
    return job


def start_once(kind: str, *, at: datetime, **parameters: Any) -> Job | None:
    """Ask for the job in nobody's name, unless one of the kind is under way: then None."""
    if Job.objects.under_way().filter(kind=kind).exists():
        return None
    return start(kind, by=None, at=at, **parameters)


def run_now(kind: str, *, by: User, clock: Callable[[], datetime] = timezone.now, **parameters: Any) -> Job:
    """Write the job down and do it here, in the request of whoever asks; a worker goes on with it if this dies."""
    at = clock()
    job = _written(kind, parameters, by=by, at=at, state=Job.State.RUNNING, started_at=at, **_lease(at))
    _run(job, clock=clock, end=None, tell=False)
    job.refresh_from_db()
    return job


def _written(kind: str, parameters: Mapping[str, Any], *, by: User | None, at: datetime, **values: Any) -> Job:
    known = parts.job_kinds[kind]
    language = translation.get_language() or settings.LANGUAGE_CODE
    return Job.objects.create(
        kind=known.name, parameters=dict(parameters), by=by, created_at=at, language=language, **values
    )


def _lease(at: datetime) -> dict[str, Any]:
    return {"token": secrets.token_hex(16), "leased_until": at + LEASE}


def cancel(job: Job, *, at: datetime) -> bool:
    """Stop a job that is under way; what it did stays. Return whether it was; repeating is safe."""
    ended = Job.objects.unfinished().filter(pk=job.pk)
    return bool(ended.update(state=Job.State.CANCELLED, finished_at=at, token="", leased_until=None))


def wake() -> None:
    work_waiting.send(sender=Job)


def wake_stalled(*, at: datetime) -> None:
    """Wake a worker for jobs that made no progress lately. The scheduler calls it; repeating is safe."""
    idle = Q(progressed_at__isnull=True) | Q(progressed_at__lt=at - STALLED)
    if Job.objects.claimable(at).filter(idle).exists():
        wake()


def work(*, clock: Callable[[], datetime], stretch: timedelta = STRETCH) -> bool:
    """Work on jobs until none is left or `stretch` has passed; return whether something may be left."""
    end = clock() + stretch
    while clock() < end:
        job = _claim(at=clock())
        if job is None:
            return False
        if parts.job_kinds[job.kind].is_long:
            _run_apart(job)
        else:
            _run(job, clock=clock, end=end)
    return True


def run_to_end(job: Job, *, clock: Callable[[], datetime] = timezone.now) -> Job:
    """Do a job here and now, in the calling process, unless somebody is at work on it."""
    claimed = _claim(at=clock(), job=job)
    if claimed is not None:
        _run(claimed, clock=clock, end=None, tell=False)
    job.refresh_from_db()
    return job


def renew(job: Job, *, at: datetime, lease: timedelta = LEASE) -> None:
    """Save the counts of a long job and keep it for so long. Raises Lost where it is no longer one's own."""
    mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
    counts = {"total": job.total, "done_count": job.done_count, "refused_count": job.refused_count}
    if not mine.update(**counts, progressed_at=at, leased_until=at + lease):
        raise Lost


def _claim(*, at: datetime, job: Job | None = None) -> Job | None:
    """Take the oldest job that nobody works on, or this one, and lease it."""
    with transaction.atomic():
        free = Job.objects.claimable(at).filter(**({"pk": job.pk} if job else {"kind__in": _kinds_with_room(at)}))
        found = free.select_for_update(of=("self",), skip_locked=True).select_related("by").order_by("pk").first()
        if found is None:
            return None
        lease = _lease(at)
        found.state, found.token, found.leased_until = Job.State.RUNNING, lease["token"], lease["leased_until"]
        found.started_at = found.started_at or at
        found.save(update_fields=["state", "token", "leased_until", "started_at"])
        return found


def _kinds_with_room(at: datetime) -> list[str]:
    """The kinds of which a worker may begin one more: no long ones while enough of them run."""
    long = [name for name, kind in parts.job_kinds.items() if kind.is_long]
    running = Job.objects.under_way().filter(kind__in=long, leased_until__gt=at).count()
    return [name for name in parts.job_kinds if name not in long or running < MOST_APART]


def _run_apart(job: Job) -> None:
    """Run a long job in a process of its own, so that a worker goes on with what others wait for."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_job", str(job.pk), job.token]
    subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)  # noqa: S603  (no user's input)


def run_claimed(pk: int, token: str, *, clock: Callable[[], datetime]) -> None:
    """Do a long job to its end in this process, if it is still leased under this token, and make room for the next."""
    job = Job.objects.select_related("by").filter(pk=pk, token=token, state=Job.State.RUNNING).first()
    if job is not None:
        _run(job, clock=clock, end=None)
        wake()


def _run(job: Job, *, clock: Callable[[], datetime], end: datetime | None, tell: bool = True) -> None:
    """Step until the job is done, `end` has passed, or it is no longer one's own; then let it go.

    It speaks the language of whoever asked. Where the database goes away the job keeps its lease, and is taken up again
    when that ends.
    """
    goes_on = True
    with translation.override(job.language or settings.LANGUAGE_CODE):
        try:
            while goes_on and (end is None or clock() < end):
                goes_on = _step(job, clock=clock)
        except Lost:
            return
        except WaitForApproval:
            _pause(job, at=clock())
        except (CannotGoOn, PermissionDenied, ValidationError, ObjectDoesNotExist, InvalidFilter) as error:
            _fail(job, _reason(error), at=clock(), tell=tell)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("Job %d (%s) failed.", job.pk, job.kind)
            _fail(job, _("It stopped by an error that nobody foresaw."), at=clock(), tell=tell)
        else:
            if goes_on:
                Job.objects.filter(pk=job.pk, token=job.token).update(leased_until=None)
            else:
                _finish(job, Job.State.FINISHED, at=clock(), tell=tell)


def _pause(job: Job, *, at: datetime) -> None:
    """Have the job wait for a second person, and tell those who may be it."""
    with transaction.atomic():
        locks.close_intake()  # whoever waits to be banned is no longer simply allowed to buy
        mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
        if mine.update(state=Job.State.APPROVAL, progressed_at=at, leased_until=None, token=""):
            parts.job_kinds[job.kind]().tell_approvers(job, at=at)


def _step(job: Job, *, clock: Callable[[], datetime]) -> bool:
    kind = parts.job_kinds[job.kind]()
    if kind.is_long:
        kind.run(job, clock=clock)
        return False
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING).select_for_update().exists():
            raise Lost
        at = clock()
        goes_on = kind.step(job, at=at)
        job.progressed_at, job.leased_until = at, at + LEASE
        job.save(update_fields=["parameters", *REPORTED, *APPROVED, "collected_up_to", "progressed_at", "leased_until"])
        return goes_on


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidFilter):
        return "\n".join(f"{name}: {' '.join(sentences)}" for name, sentences in error.errors.items())
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return str(error) or _("You may not do this.")


def _fail(job: Job, message: str, *, at: datetime, tell: bool) -> None:
    """End the job with a reason; the counts are those of the last step that stands, not of the one rolled back."""
    job.refresh_from_db(fields=REPORTED)
    job.message = message
    _finish(job, Job.State.FAILED, at=at, tell=tell)


def _finish(job: Job, state: Job.State, *, at: datetime, tell: bool) -> None:
    """End the job, unless it was cancelled meanwhile or another worker has it, and tell whoever waits for it."""
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
        report = {name: getattr(job, name) for name in REPORTED}
        ended = mine.update(**report, state=state, finished_at=at, progressed_at=at, leased_until=None, token="")
        if ended and tell and job.by_id:
            waiting = User.objects.filter(pk=job.by_id)
            parameters = {"kind": job.kind, "state": state.value}
            notify(waiting, JOB_ENDED.name, at=at, url=job.get_absolute_url(), parameters=parameters)

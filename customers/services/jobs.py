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
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.bulk import insert_from, stretch_end
from customers.filters import CustomerFilter, InvalidFilter, restored
from customers.models import Customer, Job, JobRow, User
from customers.parts import NotificationKind, parts
from customers.signals import work_waiting

from .notifications import notify

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from customers.models.customer import CustomerQuerySet

logger = logging.getLogger(__name__)

# A wake works no longer than this, then stands behind the others again.
STRETCH = timedelta(seconds=5)
# At least three times the longest step; a long kind renews it at each sign of progress.
LEASE = timedelta(minutes=2)
# Work without progress for so long has lost its wake: the worker died, or the queue was emptied.
STALLED = timedelta(seconds=15)


def _tell_end(parameters: Mapping[str, Any]) -> str:
    kind = parts.job_kinds.get(parameters["kind"])
    said = {"job": kind.label if kind else parameters["kind"], "state": Job.State(parameters["state"]).label}
    return _("%(job)s: %(state)s") % said


JOB_ENDED = NotificationKind(name="job_ended", label=gettext_lazy("a job of mine has ended"), tell=_tell_end)


class CannotGoOn(Exception):
    """The job stops and says why, in a sentence for whoever asked for it."""


class JobKind:
    """What a kind of job does. `is_long`: one step takes longer than a wake may, so it runs in a process of its own."""

    name: ClassVar[str]
    label: ClassVar[StrOrPromise]
    is_long: ClassVar[bool] = False

    def step(self, job: Job, *, at: datetime) -> bool:
        """Do a little in the transaction that is open (a long kind: all, without one); return whether more is left.

        Writes progress into `job`, which is saved afterwards. Doing a step twice changes nothing.
        Raises CannotGoOn, PermissionDenied or InvalidFilter to stop the job for good.
        """
        raise NotImplementedError

    def describe(self, job: Job) -> str:
        """What was asked for, in one line of the active language."""
        return str(self.label)


class BulkKind(JobKind):
    """A job over customers: collects them as they match when it begins, then applies itself in stretches.

    Its parameters name the customers: `filter` (values as `filters.stored` gives them) or `ids`.
    """

    # Why a row may be refused: a sentence by its code.
    refusals: ClassVar[Mapping[str, StrOrPromise]] = {}

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        """Who of the customers is refused, by code of `refusals`. A customer gets the first code that names him."""
        return {}

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        """Do it to customers who are not refused, by the service that every other door calls."""
        raise NotImplementedError

    def step(self, job: Job, *, at: datetime) -> bool:
        if job.by is None:
            raise CannotGoOn(_("Nobody is named who asked for this."))
        if job.total is None:
            return self._collect(job, chosen_customers(job.parameters, by=job.by))
        waiting = JobRow.objects.filter(job=job, state=JobRow.State.WAITING)
        stretch = list(waiting.order_by("customer").values_list("customer", flat=True)[: settings.WRITE_BATCH])
        if not stretch:
            return False
        self._apply(job, stretch, by=job.by, at=at)
        return True

    def _collect(self, job: Job, customers: CustomerQuerySet) -> bool:
        rest = customers.filter(pk__gt=job.collected_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            job.total = job.rows.count()
        else:
            insert_from(JobRow, rest.filter(pk__lte=last), job=job, customer=F("pk"), ignore_conflicts=True)
            job.collected_up_to = last
        return True

    def _apply(self, job: Job, stretch: list[int], *, by: User, at: datetime) -> None:
        rows = JobRow.objects.filter(job=job, state=JobRow.State.WAITING, customer__in=stretch)
        customers = Customer.objects.filter(pk__in=stretch)
        for code, refused in self.refused(customers, job=job, by=by, at=at).items():
            named = rows.filter(customer__in=refused.order_by().values("pk"))
            job.refused_count += named.update(state=JobRow.State.REFUSED, refusal=code)
        allowed = Customer.objects.filter(pk__in=list(rows.values_list("customer", flat=True)))
        self.apply(allowed, job=job, by=by, at=at)
        job.done_count += rows.update(state=JobRow.State.DONE)


def chosen_customers(parameters: Mapping[str, Any], *, by: User) -> CustomerQuerySet:
    """The customers that a job's parameters name, of those whom `by` sees. Raises InvalidFilter, CannotGoOn."""
    visible = Customer.objects.visible_to(by)
    if "ids" in parameters:
        return visible.filter(pk__in=parameters["ids"])
    if "filter" not in parameters:
        raise CannotGoOn(_("Nothing says which customers are meant."))
    # distinct by id: a filter over a relation may find a customer twice
    matching = CustomerFilter(restored(parameters["filter"]), queryset=Customer.objects.all(), user=by).qs
    return visible.filter(pk__in=matching.order_by().values("pk"))


def start(kind: str, *, by: User, at: datetime, **parameters: Any) -> Job:
    """Write the job down and wake a worker on commit. Raises KeyError for an unknown kind."""
    with transaction.atomic():
        job = Job.objects.create(kind=parts.job_kinds[kind].name, parameters=parameters, by=by, created_at=at)
        transaction.on_commit(wake)
    return job


def cancel(job: Job, *, at: datetime) -> bool:
    """Stop a job that is under way; what it did stays. Return whether it was; repeating is safe."""
    ended = Job.objects.under_way().filter(pk=job.pk)
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
    """Do a job here and now, in the calling process: a small bulk action, and the process of a long one."""
    claimed = _claim(at=clock(), job=job)
    if claimed is not None:
        _run(claimed, clock=clock, end=None, tell=False)
    job.refresh_from_db()
    return job


def renew(job: Job, *, at: datetime) -> bool:
    """Save the counts of a long job in its own transaction and keep its lease; return whether it is still one's own."""
    mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
    return bool(mine.update(total=job.total, done_count=job.done_count, progressed_at=at, leased_until=at + LEASE))


def _claim(*, at: datetime, job: Job | None = None) -> Job | None:
    """Take the oldest job that nobody works on, or this one, and lease it."""
    with transaction.atomic():
        free = Job.objects.claimable(at).filter(**({"pk": job.pk} if job else {"kind__in": list(parts.job_kinds)}))
        found = free.select_for_update(of=("self",), skip_locked=True).select_related("by").order_by("pk").first()
        if found is None:
            return None
        found.state, found.token, found.leased_until = Job.State.RUNNING, secrets.token_hex(16), at + LEASE
        found.started_at = found.started_at or at
        found.save(update_fields=["state", "token", "leased_until", "started_at"])
        return found


def _run_apart(job: Job) -> None:
    """Run a long job in a process of its own, so that a worker goes on with what others wait for."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_job", str(job.pk), job.token]
    subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)  # noqa: S603  (no user's input)


def run_claimed(pk: int, token: str, *, clock: Callable[[], datetime]) -> None:
    """Do a long job to its end in this process, if it is still leased under this token."""
    job = Job.objects.select_related("by").filter(pk=pk, token=token, state=Job.State.RUNNING).first()
    if job is not None:
        _run(job, clock=clock, end=None)


def _run(job: Job, *, clock: Callable[[], datetime], end: datetime | None, tell: bool = True) -> None:
    """Step until the job is done, `end` has passed, or it is no longer one's own; then let it go."""
    goes_on = True
    try:
        while goes_on and (end is None or clock() < end):
            goes_on = _step(job, at=clock())
    except (CannotGoOn, PermissionDenied, ObjectDoesNotExist, InvalidFilter) as error:
        _finish(job, Job.State.FAILED, message=_reason(error), at=clock(), tell=tell)
    except Exception:
        logger.exception("Job %d (%s) failed.", job.pk, job.kind)
        _finish(job, Job.State.FAILED, message=_("It stopped by an error that nobody foresaw."), at=clock(), tell=tell)
    else:
        if goes_on:
            Job.objects.filter(pk=job.pk, token=job.token).update(leased_until=None)
        else:
            _finish(job, Job.State.FINISHED, message=job.message, at=clock(), tell=tell)


def _step(job: Job, *, at: datetime) -> bool:
    kind = parts.job_kinds[job.kind]()
    mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
    if kind.is_long:
        return kind.step(job, at=at)
    with transaction.atomic():
        if not mine.select_for_update().exists():
            return False
        goes_on = kind.step(job, at=at)
        job.progressed_at, job.leased_until = at, at + LEASE
        job.save(
            update_fields=[
                "parameters",
                "total",
                "done_count",
                "refused_count",
                "message",
                "result_path",
                "collected_up_to",
                "progressed_at",
                "leased_until",
            ]
        )
        return goes_on


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidFilter):
        return "\n".join(f"{name}: {' '.join(sentences)}" for name, sentences in error.errors.items())
    return str(error) or _("You may not do this.")


def _finish(job: Job, state: Job.State, *, message: str, at: datetime, tell: bool) -> None:
    """End the job, unless it was cancelled meanwhile or another worker has it, and tell whoever waits for it."""
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, token=job.token, state=Job.State.RUNNING)
        ended = mine.update(
            state=state,
            message=message,
            finished_at=at,
            progressed_at=at,
            leased_until=None,
            token="",
            total=job.total,
            done_count=job.done_count,
            refused_count=job.refused_count,
            result_path=job.result_path,
        )
        if ended and tell and job.by_id:
            waiting = User.objects.filter(pk=job.by_id)
            parameters = {"kind": job.kind, "state": state.value}
            notify(waiting, JOB_ENDED.name, at=at, url=job.get_absolute_url(), parameters=parameters)

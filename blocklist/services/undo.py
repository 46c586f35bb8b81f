"""Taking a bulk ban or a bulk lift back, soon after: the record keeps both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Ban, bannable_by, banned
from customers.models import Customer, Job, User
from customers.services import jobs
from customers.services.customer_jobs import BulkKind
from customers.services.jobs import CannotGoOn

from .bans import lift_these, restore_bans
from .open_orders import release_held_by

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from customers.models.customer import CustomerQuerySet


class CannotUndo(PermissionDenied):
    """The bulk action cannot be undone, or not by this staff user. The message says why."""


class Undo(BulkKind):
    """Parameters: `job`, the id of the bulk action that is undone."""

    def bans(self, job: Job) -> BanQuerySet:
        """What the bulk action did and is to be undone."""
        raise NotImplementedError

    def chosen(self, job: Job, *, by: User) -> CustomerQuerySet:
        return Customer.objects.visible_to(by).filter(pk__in=self.bans(job).values("customer"))

    def describe(self, job: Job) -> str:
        return f"{self.label} (#{job.parameters.get('job')})"


class UndoBans(Undo):
    name = "undo_bans"
    label = gettext_lazy("Undo a bulk ban")
    refusals = {
        "over": gettext_lazy("the ban does not stand any more"),
        "not_yours": gettext_lazy("this ban is not yours to lift any more"),
    }

    def bans(self, job: Job) -> BanQuerySet:
        return Ban.objects.filter(job=_undone(job))

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        standing = self.bans(job).standing(at)
        return {
            "over": customers.exclude(pk__in=standing.values("customer")),
            "not_yours": customers.exclude(pk__in=standing.liftable_by(by, at=at).values("customer")),
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        bans = self.bans(job).filter(customer__in=customers.values("pk"))
        reason = _("The bulk ban was undone.")
        lift_these(bans, reason=reason, by=by, at=at)
        release_held_by(bans, reason=reason, by=by, at=at)


class UndoLifts(Undo):
    name = "undo_lifts"
    label = gettext_lazy("Undo a bulk lift")
    refusals = {
        "banned": gettext_lazy("was banned again meanwhile"),
        "over": gettext_lazy("the ban would be over by now"),
        "not_yours": gettext_lazy("only the customer's exclusive agent or a manager may ban"),
    }

    def bans(self, job: Job) -> BanQuerySet:
        return Ban.objects.filter(lift_job=_undone(job))

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        due = self.bans(job).filter(Q(until__isnull=True) | Q(until__gt=at))
        return {
            "banned": banned(customers, at=at),
            "over": customers.exclude(pk__in=due.values("customer")),
            "not_yours": customers.exclude(pk__in=bannable_by(by, at=at).values("pk")),
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        restore_bans(self.bans(job).filter(customer__in=customers.values("pk")), by=by, at=at)


KINDS: tuple[type[Undo], ...] = (UndoBans, UndoLifts)
# What undoes a kind of bulk action.
UNDONE_BY: dict[str, type[Undo]] = {"ban_purchases": UndoBans, "import_bans": UndoBans, "lift_bans": UndoLifts}


def can_be_undone_until(job: Job) -> datetime | None:
    """The last moment to undo this job; None for one that has done nothing, or that nothing undoes."""
    if job.kind not in UNDONE_BY or job.finished_at is None or not job.done_count:
        return None
    return job.finished_at + settings.BULK_BAN_UNDONE_WITHIN


def undoings(job: Job) -> QuerySet[Job]:
    """The jobs that undo it or have undone it; none that ended without having done anything."""
    names = [kind.name for kind in KINDS]
    ended = [Job.State.FINISHED, Job.State.FAILED, Job.State.CANCELLED]
    return Job.objects.filter(kind__in=names, parameters__job=job.pk).exclude(state__in=ended, done_count=0)


def why_may_not_undo(job: Job, user: User, *, at: datetime) -> str:
    """Why this staff user may not undo the job at that moment; empty where he may."""
    until = can_be_undone_until(job)
    if until is None:
        return _("There is nothing to undo.")
    if job.by_id != user.pk and not user.has_perm("blocklist.ban_any_customer"):
        return _("Only whoever did it, or a manager, undoes it.")
    if undoings(job).exists():
        return _("This was undone already.")
    if at > until:
        minutes = int(settings.BULK_BAN_UNDONE_WITHIN.total_seconds() // 60)
        return _("It could be undone for %(minutes)d minutes; lift or ban one by one now.") % {"minutes": minutes}
    return ""


def undo(job: Job, *, by: User, clock: Callable[[], datetime]) -> Job:
    """Begin to undo the job and return the job that does; a small one is done here and now. Raises CannotUndo."""
    at = clock()
    if why_not := why_may_not_undo(job, by, at=at):
        raise CannotUndo(why_not)
    kind = UNDONE_BY[job.kind]
    if job.done_count > kind.most_at_once:
        return jobs.start(kind.name, by=by, at=at, job=job.pk)
    return jobs.run_now(kind.name, by=by, clock=clock, job=job.pk)


def _undone(job: Job) -> Job:
    found = Job.objects.filter(pk=job.parameters.get("job"), kind__in=UNDONE_BY).first()
    if found is None:
        raise CannotGoOn(_("The bulk action that is to be undone is not there."))
    return found

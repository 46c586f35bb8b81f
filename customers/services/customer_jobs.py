"""Jobs over many customers: who is meant, who is refused and why, and doing it to the rest in stretches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db.models import Case, Count, F, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.bulk import insert_from, stretch_end
from customers.filters import CustomerFilter, restored
from customers.models import Customer, Job, JobRow, User
from customers.parts import NotificationKind, parts

from . import audit
from .jobs import CannotGoOn, JobKind, WaitForApproval, asker
from .notifications import notify
from .staff import who_may

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from customers.models.customer import CustomerQuerySet

# A customer who was merged into another, or went to another agent's eyes only, since the rows were collected.
GONE = "gone"
GONE_SENTENCE = gettext_lazy("was merged meanwhile, or is not yours to see any more")


def _tell_approval_needed(parameters: Mapping[str, Any]) -> str:
    kind = parts.job_kinds.get(parameters["kind"])
    said = {**parameters, "job": kind.label if kind else parameters["kind"]}
    return _("%(job)s: %(user)s asks for %(count)d customers, and a second person has to approve.") % said


APPROVAL_NEEDED = NotificationKind(
    name="approval_needed", label=gettext_lazy("a bulk action waits for approval"), tell=_tell_approval_needed
)


class CustomersKind(JobKind):
    """A job over customers. Its parameters name them: `filter` (values as `filters.stored` gives them) or `ids`."""

    # Up to so many customers it is done in the request that asks for it.
    most_at_once: ClassVar[int] = 1_000
    # Why a customer may be refused: the rest of a sentence about him, by its code.
    refusals: ClassVar[Mapping[str, StrOrPromise]] = {}

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        """Who of the customers is refused, by code of `refusals`. A customer gets the first code that names him."""
        return {}


class BulkKind(CustomersKind):
    """Collects the customers as they match when it begins, then applies itself to them in stretches.

    In between it may have to wait for a second person, who has the `approve_permission`.
    """

    approve_permission: ClassVar[str] = ""
    # Customers whom it is applied to in one transaction; None: as many as are written at a time.
    stretch: ClassVar[int | None] = None

    def needs_approval(self, job: Job, *, by: User, at: datetime) -> bool:
        """Whether a second person has to agree, now that it is known who is meant."""
        return False

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        """Do it to customers who are not refused, by the service that every other door calls."""
        raise NotImplementedError

    def chosen(self, job: Job, *, by: User) -> CustomerQuerySet:
        """The customers whom the job is for."""
        return chosen_customers(job.parameters, by=by)

    def step(self, job: Job, *, at: datetime) -> bool:
        by = asker(job)
        if job.total is None:
            return self._collect(job, self.chosen(job, by=by), by=by, at=at)
        if job.approved_at is None and self.needs_approval(job, by=by, at=at):
            self._have_approved(job, by=by, at=at)
        waiting = JobRow.objects.filter(job=job, state=JobRow.State.WAITING)
        stretch = list(
            waiting.order_by("customer").values_list("customer", flat=True)[: self.stretch or settings.WRITE_BATCH]
        )
        if not stretch:
            return False
        self._apply(job, stretch, by=by, at=at)
        return True

    def allowed(self, job: Job, *, by: User, at: datetime) -> CustomerQuerySet:
        """Those of the collected customers whom it would be done to."""
        waiting = JobRow.objects.filter(job=job, state=JobRow.State.WAITING)
        allowed = Customer.objects.visible_to(by).filter(pk__in=waiting.values("customer"))
        for refused in self.refused(allowed, job=job, by=by, at=at).values():
            allowed = allowed.exclude(pk__in=refused.order_by().values("pk"))
        return allowed

    def _have_approved(self, job: Job, *, by: User, at: datetime) -> None:
        """Raises WaitForApproval, unless there is nobody else to ask: then whoever asks decides alone, on record."""
        if who_may(self.approve_permission).exclude(pk=by.pk).exists():
            raise WaitForApproval
        job.approved_by, job.approved_at, job.is_decided_alone = by, at, True

    def tell_approvers(self, job: Job, *, at: datetime) -> None:
        by = asker(job)
        others = who_may(self.approve_permission).exclude(pk=by.pk)
        count = (job.total or 0) - job.refused_count
        parameters: dict[str, str | int] = {"kind": job.kind, "count": count, "user": by.username}
        notify(others, APPROVAL_NEEDED.name, at=at, url=job.get_absolute_url(), parameters=parameters)

    def _collect(self, job: Job, customers: CustomerQuerySet, *, by: User, at: datetime) -> bool:
        rest = customers.filter(pk__gt=job.collected_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            job.total = job.rows.count()
        else:
            insert_from(JobRow, rest.filter(pk__lte=last), job=job, customer=F("pk"), ignore_conflicts=True)
            if self.approve_permission:
                # Whoever it may not be done to does not wait for a second person with the others.
                added = job.rows.filter(customer__gt=job.collected_up_to, customer__lte=last)
                self._refuse(job, list(added.values_list("customer", flat=True)), by=by, at=at)
            job.collected_up_to = last
        return True

    def _refuse(self, job: Job, stretch: list[int], *, by: User, at: datetime) -> None:
        """Note in the rows of these customers (ids) who is refused, and why."""
        rows = JobRow.objects.filter(job=job, state=JobRow.State.WAITING, customer__in=stretch)
        customers = Customer.objects.filter(pk__in=stretch)
        gone = customers.exclude(pk__in=Customer.objects.visible_to(by).values("pk"))
        for code, refused in {GONE: gone, **self.refused(customers, job=job, by=by, at=at)}.items():
            named = rows.filter(customer__in=refused.order_by().values("pk"))
            job.refused_count += named.update(state=JobRow.State.REFUSED, refusal=code)

    def _apply(self, job: Job, stretch: list[int], *, by: User, at: datetime) -> None:
        self._refuse(job, stretch, by=by, at=at)
        rows = JobRow.objects.filter(job=job, state=JobRow.State.WAITING, customer__in=stretch)
        allowed = list(rows.values_list("customer", flat=True))
        if allowed:
            with audit.one_event(job):
                self.apply(Customer.objects.filter(pk__in=allowed), job=job, by=by, at=at)
            job.done_count += rows.update(state=JobRow.State.DONE)


def refusal_sentence(kind: str, code: str) -> StrOrPromise:
    """Why a job of this kind refused somebody; the bare code where the kind is not known any more."""
    known = parts.job_kinds.get(kind)
    told = known.refusals if known and issubclass(known, CustomersKind) else {}
    return GONE_SENTENCE if code == GONE else told.get(code, code)


@dataclass(frozen=True)
class Forecast:
    """How many customers a job would be for, and how many of them it would refuse, by code."""

    total: int
    refused: dict[str, int]

    @property
    def allowed(self) -> int:
        return self.total - sum(self.refused.values())


def forecast(kind: CustomersKind, parameters: Mapping[str, Any], *, by: User, at: datetime) -> Forecast:
    """What a job with these parameters would do now, in one statement that changes nothing.

    Raises InvalidFilter or CannotGoOn where they do not say which customers are meant.
    """
    chosen = Customer.objects.filter(pk__in=chosen_customers(parameters, by=by).order_by().values("pk"))
    job = Job(kind=kind.name, parameters=dict(parameters), by=by)
    reasons = [
        When(pk__in=refused.order_by().values("pk"), then=Value(code))
        for code, refused in kind.refused(chosen, job=job, by=by, at=at).items()
    ]
    counted = chosen.annotate(why=Case(*reasons, default=Value(""))).values("why").annotate(count=Count("pk"))
    by_reason = dict(counted.order_by().values_list("why", "count"))
    refused = {code: by_reason[code] for code in kind.refusals if by_reason.get(code)}
    return Forecast(total=sum(by_reason.values()), refused=refused)


def chosen_customers(parameters: Mapping[str, Any], *, by: User) -> CustomerQuerySet:
    """The customers that a job's parameters name, of those whom `by` sees. Raises InvalidFilter, CannotGoOn.

    A filter over a relation may name a customer twice.
    """
    visible = Customer.objects.visible_to(by)
    if "ids" in parameters:
        return visible.filter(pk__in=parameters["ids"])
    if "filter" not in parameters:
        raise CannotGoOn(_("Nothing says which customers are meant."))
    matching: CustomerQuerySet = CustomerFilter(restored(parameters["filter"]), queryset=visible, user=by).qs
    return matching

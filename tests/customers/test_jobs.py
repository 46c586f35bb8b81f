from datetime import timedelta
from itertools import count
from unittest.mock import Mock

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.utils import translation
from django.utils.translation import get_language

from customers.models import Customer, Job, Notification
from customers.parts import parts
from customers.services import customer_jobs, jobs
from customers.services.notifications import sentence
from tests.factories import CustomerFactory, GroupFactory


class Promote(customer_jobs.BulkKind):
    """Makes members of customers who are none."""

    name = "promote"
    label = "Promote"
    refusals = {"member": "is a member already"}

    def refused(self, customers, *, job, by, at):
        return {"member": customers.filter(level__gt=0)}

    def apply(self, customers, *, job, by, at):
        customers.update(level=1)


@pytest.fixture(autouse=True)
def _kinds(monkeypatch):
    monkeypatch.setitem(parts.job_kinds, "promote", Promote)


def test_bulk_job_does_its_rows_and_reports_the_refused_ones(manager, now):
    new, member = CustomerFactory(), CustomerFactory(level=2)
    job = jobs.start("promote", by=manager, at=now, ids=[new.pk, member.pk])

    jobs.run_to_end(job)

    assert (job.state, job.total, job.done_count, job.refused_count) == (Job.State.FINISHED, 2, 1, 1)
    assert list(job.rows.order_by("pk").values_list("customer", "state", "refusal")) == [
        (new.pk, "done", ""),
        (member.pk, "refused", "member"),
    ]
    assert dict(Customer.objects.values_list("pk", "level")) == {new.pk: 1, member.pk: 2}


def test_bulk_job_works_in_stretches_on_rows_as_they_matched_when_it_began(manager, now, settings):
    settings.WRITE_BATCH = 2
    for _number in range(5):
        CustomerFactory()

    job = jobs.run_to_end(jobs.start("promote", by=manager, at=now, filter={"level": ["0"]}))

    assert (job.total, job.done_count, Customer.objects.filter(level=1).count()) == (5, 5, 5)


def test_job_whose_filter_no_longer_holds_stops_and_says_so(manager, now):
    CustomerFactory()
    group = GroupFactory()
    job = jobs.start("promote", by=manager, at=now, filter={"group": [str(group.pk)]})
    group.delete()

    jobs.run_to_end(job)

    assert (job.state, job.message.startswith("group: "), job.done_count) == (Job.State.FAILED, True, 0)


def test_worker_takes_over_from_a_dead_one_when_the_lease_ends(manager, now):
    CustomerFactory()
    job = jobs.start("promote", by=manager, at=now, filter={})
    Job.objects.update(state=Job.State.RUNNING, token="of the dead one", leased_until=now + jobs.LEASE)

    early = jobs.work(clock=lambda: now)
    job.refresh_from_db()
    state = job.state
    work_from(now + jobs.LEASE)
    job.refresh_from_db()

    assert (early, state, job.state, job.done_count) == (False, Job.State.RUNNING, Job.State.FINISHED, 1)


def test_whoever_asked_is_told_when_a_worker_has_ended_the_job(manager, now):
    jobs.start("promote", by=manager, at=now, filter={})

    work_from(now)

    told = Notification.objects.get()
    assert (told.user, sentence(told)) == (manager, "Promote: finished")


def test_cancelled_job_stays_as_it_was(manager, now):
    customer = CustomerFactory()
    job = jobs.start("promote", by=manager, at=now, ids=[customer.pk])

    jobs.cancel(job, at=now)
    jobs.run_to_end(job)

    assert (job.state, Customer.objects.get().level) == (Job.State.CANCELLED, 0)


def work_from(moment):
    """Let a worker work, by a clock that moves a millisecond each time it is read."""
    moments = (moment + timedelta(milliseconds=step) for step in count())
    return jobs.work(clock=lambda: next(moments))


def test_job_is_done_in_the_request_without_waking_a_worker(manager, now, django_capture_on_commit_callbacks):
    customer = CustomerFactory()

    with django_capture_on_commit_callbacks() as wakes:
        job = jobs.run_now("promote", by=manager, clock=lambda: now, ids=[customer.pk])

    assert (job.state, job.done_count, wakes, Notification.objects.count()) == (Job.State.FINISHED, 1, [], 0)


def test_job_speaks_the_language_of_whoever_asked(manager, now, monkeypatch):
    def complain(self, customers, *, job, by, at):
        raise jobs.CannotGoOn(get_language())

    monkeypatch.setattr(Promote, "apply", complain)
    CustomerFactory()
    with translation.override("zh-hans"):
        job = jobs.start("promote", by=manager, at=now, filter={})

    work_from(now)

    job.refresh_from_db()
    assert (job.state, job.message) == (Job.State.FAILED, "zh-hans")


def test_failed_step_counts_nothing(manager, now, monkeypatch):
    def forbid(self, customers, *, job, by, at):
        raise ValidationError({"reason": "Say why."})

    monkeypatch.setattr(Promote, "apply", forbid)
    CustomerFactory(level=2)
    CustomerFactory()

    job = jobs.run_now("promote", by=manager, clock=lambda: now, filter={})

    assert (job.state, job.message, job.done_count, job.refused_count) == (Job.State.FAILED, "Say why.", 0, 0)
    assert set(job.rows.values_list("state", flat=True)) == {"waiting"}


def test_job_goes_on_after_the_database_was_away(manager, now, monkeypatch):
    CustomerFactory()
    job = jobs.start("promote", by=manager, at=now, filter={})
    with monkeypatch.context() as patch:
        patch.setattr(Promote, "apply", Mock(side_effect=OperationalError("gone")))
        with pytest.raises(OperationalError):
            work_from(now)

    work_from(now + jobs.LEASE + timedelta(seconds=1))

    job.refresh_from_db()
    assert (job.state, job.done_count) == (Job.State.FINISHED, 1)


def test_only_so_many_long_jobs_run_at_a_time_and_short_ones_pass_them(manager, now, monkeypatch):
    class Count(jobs.JobKind):
        name, label, is_long = "count", "Count", True

    started = []
    monkeypatch.setitem(parts.job_kinds, "count", Count)
    monkeypatch.setattr(jobs, "_run_apart", lambda job: started.append(job.pk))
    long = [jobs.start("count", by=manager, at=now).pk for _number in range(3)]
    short = jobs.start("promote", by=manager, at=now, filter={})

    work_from(now)

    short.refresh_from_db()
    assert (started, short.state) == (long[: jobs.MOST_APART], Job.State.FINISHED)


def test_forecast_tells_who_would_be_refused_and_changes_nothing(manager, now):
    CustomerFactory.create_batch(2)
    CustomerFactory(level=2)

    seen = customer_jobs.forecast(Promote(), {"filter": {}}, by=manager, at=now)

    assert (seen, seen.allowed) == (customer_jobs.Forecast(total=3, refused={"member": 1}), 2)
    assert not Job.objects.exists()

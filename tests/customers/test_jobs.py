from datetime import timedelta

import pytest

from customers.models import Customer, Job, Notification
from customers.parts import parts
from customers.services import jobs
from customers.services.notifications import sentence
from tests.factories import CustomerFactory, GroupFactory


class Promote(jobs.BulkKind):
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
    moments = iter(now + jobs.LEASE + timedelta(milliseconds=step) for step in range(1000))
    jobs.work(clock=lambda: next(moments))
    job.refresh_from_db()

    assert (early, state, job.state, job.done_count) == (False, Job.State.RUNNING, Job.State.FINISHED, 1)


def test_whoever_asked_is_told_when_a_worker_has_ended_the_job(manager, now):
    jobs.start("promote", by=manager, at=now, filter={})

    moments = iter(now + timedelta(milliseconds=step) for step in range(1000))
    jobs.work(clock=lambda: next(moments))

    told = Notification.objects.get()
    assert (told.user, sentence(told)) == (manager, "Promote: finished")


def test_cancelled_job_stays_as_it_was(manager, now):
    customer = CustomerFactory()
    job = jobs.start("promote", by=manager, at=now, ids=[customer.pk])

    jobs.cancel(job, at=now)
    jobs.run_to_end(job)

    assert (job.state, Customer.objects.get().level) == (Job.State.CANCELLED, 0)

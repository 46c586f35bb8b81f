from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from blocklist.models import Ban, awaiting_ban
from customers.models import Customer, Event, Job, Notification
from customers.services import approvals, jobs
from messaging.channels import get_channel
from messaging.models import Delivery
from messaging.rules import all_exclusions
from tests.factories import NOON, BanFactory, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _two_at_once(settings):
    settings.BANS_AT_ONCE = 2


def bulk_ban(customers, by, at=NOON):
    ids = [customer.pk for customer in customers]
    return jobs.run_now("ban_purchases", by=by, clock=lambda: at, type="other", note="", until="", ids=ids)


def work_off(at=LATER):
    while jobs.work(clock=lambda: at, stretch=timedelta(seconds=1)):
        pass


def shown(user):
    return sorted(Notification.objects.filter(user=user).values_list("kind", flat=True))


def waiting():
    return awaiting_ban(Customer.objects.all()).count()


def test_bulk_ban_of_as_many_as_one_may_alone_is_done_at_once(agent, manager):
    job = bulk_ban(CustomerFactory.create_batch(2, agent=agent), agent.user)

    assert (job.state, Ban.objects.count(), job.approved_at) == (Job.State.FINISHED, 2, None)


def test_larger_bulk_ban_waits_for_a_second_person_who_is_told(agent, manager):
    customers = CustomerFactory.create_batch(3, agent=agent)

    job = bulk_ban(customers, agent.user)

    assert (job.state, job.done_count, Ban.objects.count(), waiting()) == (Job.State.APPROVAL, 0, 0, 3)
    assert (shown(manager), shown(agent.user)) == (["approval_needed"], [])


def test_only_those_who_would_be_banned_count(agent, other_agent, manager):
    customers = [*CustomerFactory.create_batch(2, agent=agent), *CustomerFactory.create_batch(3, agent=other_agent)]

    job = bulk_ban(customers, agent.user)

    assert (job.state, job.done_count, job.refused_count) == (Job.State.FINISHED, 2, 3)


def test_nobody_waits_to_be_banned_whom_the_asker_may_not_ban(agent, other_agent, manager):
    theirs = CustomerFactory(agent=other_agent)
    customers = [*CustomerFactory.create_batch(3, agent=agent), theirs]
    BanFactory(customer=CustomerFactory(agent=agent))

    job = bulk_ban([*customers, Ban.objects.get().customer], agent.user)

    assert (job.state, waiting(), awaiting_ban(Customer.objects.filter(pk=theirs.pk)).exists()) == (
        Job.State.APPROVAL,
        3,
        False,
    )
    assert dict(job.rows.exclude(refusal="").values_list("customer", "refusal")) == {
        theirs.pk: "not_yours",
        Ban.objects.get().customer_id: "standing",
    }
    assert Notification.objects.get(user=manager).parameters["count"] == 3


def test_who_is_approved_to_be_banned_waits_until_a_worker_comes_to_him(agent, manager):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)

    approvals.approve(job, by=manager, at=LATER)
    before = waiting()
    work_off()

    assert (before, waiting(), Ban.objects.count()) == (3, 0, 3)


def test_no_broadcast_goes_to_whoever_waits_to_be_banned(agent, manager):
    customers = [CustomerFactory(agent=agent, nick=f"nick{number}") for number in range(3)]
    bulk_ban(customers, agent.user)

    excluded = all_exclusions(Customer.objects.filter(pk=customers[0].pk), [get_channel("inbox")], at=NOON)

    assert excluded == {"inbox": [Delivery.Reason.BAN_WAITS]}


def test_approved_it_goes_on_and_the_approver_has_confirmed_the_bans(agent, manager):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent, level=3), agent.user)

    assert approvals.approve(job, by=manager, at=LATER)
    work_off()

    job.refresh_from_db()
    assert (job.state, job.done_count, job.approved_by, job.is_decided_alone) == (Job.State.FINISHED, 3, manager, False)
    bans = set(Ban.objects.values_list("by", "confirmed_by", "confirm_by", "job"))
    assert bans == {(agent.user.pk, manager.pk, None, job.pk)}
    assert (waiting(), shown(agent.user)) == (0, ["approval_decided", "job_ended"])
    assert Event.objects.filter(verb="job.approved", by=manager).count() == 1


def test_approving_twice_changes_nothing(agent, manager):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)

    assert [approvals.approve(job, by=manager, at=LATER) for _time in range(2)] == [True, False]


def test_declined_nobody_is_banned_and_the_reason_is_told(agent, manager):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)

    with pytest.raises(ValidationError):
        approvals.decline(job, reason=" ", by=manager, at=LATER)
    approvals.decline(job, reason="too many", by=manager, at=LATER)
    work_off()

    job.refresh_from_db()
    assert (job.state, job.message, Ban.objects.count(), waiting()) == (
        Job.State.CANCELLED,
        "Declined: too many",
        0,
        0,
    )


@pytest.mark.parametrize("who", ["asker", "lead", "agent"])
def test_nobody_else_approves(agent, manager, who):
    asker = manager
    UserFactory(role="manager")
    job = bulk_ban(CustomerFactory.create_batch(3), asker)
    user = {"asker": asker, "lead": UserFactory(role="lead"), "agent": agent.user}[who]

    with pytest.raises(approvals.MayNotApprove):
        approvals.approve(job, by=user, at=LATER)

    job.refresh_from_db()
    assert job.state == Job.State.APPROVAL


def test_one_person_is_enough_where_nobody_else_has_the_right(manager):
    job = bulk_ban(CustomerFactory.create_batch(3), manager)

    assert (job.state, job.done_count, job.approved_by, job.is_decided_alone) == (Job.State.FINISHED, 3, manager, True)
    assert not Ban.objects.filter(confirmed_at__isnull=False).exists()


def test_an_inactive_manager_is_nobody_to_ask(manager):
    UserFactory(role="manager", is_active=False)

    assert bulk_ban(CustomerFactory.create_batch(3), manager).is_decided_alone


def test_page_asks_the_second_person_and_nobody_else(agent, manager, sign_in):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)
    approve, decline = (reverse(f"admin:customers_job_{name}", args=[job.pk]) for name in ("approve", "decline"))

    mine = sign_in(agent.user).get(job.get_absolute_url())
    refused = sign_in(agent.user).post(approve)
    theirs = sign_in(manager).get(job.get_absolute_url())
    no_reason = sign_in(manager).post(decline, {"reason": ""}, follow=True)
    sign_in(manager).post(approve)

    assert (approve in mine.text, "A manager decides" in mine.text, refused.status_code) == (False, True, 403)
    assert (approve in theirs.text, "Say why you decline it." in no_reason.text) == (True, True)
    job.refresh_from_db()
    assert (job.state, job.approved_by) == (Job.State.WAITING, manager)


def test_asker_may_cancel_what_waits(agent, manager, sign_in):
    job = bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)

    sign_in(agent.user).post(reverse("admin:customers_job_cancel", args=[job.pk]))

    job.refresh_from_db()
    assert (job.state, waiting()) == (Job.State.CANCELLED, 0)


def test_what_waits_is_told_again(agent, manager):
    bulk_ban(CustomerFactory.create_batch(3, agent=agent), agent.user)
    Notification.objects.update(read_at=NOON)

    approvals.remind(at=LATER)

    assert Notification.objects.filter(user=manager, read_at__isnull=True).count() == 1

from datetime import timedelta

import pytest
from django.urls import reverse

from blocklist.models import Ban, BanChange, MarketplaceTask, banned
from blocklist.services import bans, undo
from customers.gates import Door, Outcome, Question, ask
from customers.identity import Identity
from customers.models import Customer, Event, Job
from customers.services import jobs
from customers.services.merges import merge
from tests.factories import NOON, AccountFactory, BanFactory, CustomerFactory, SourceFactory, UserFactory

pytestmark = pytest.mark.django_db
SOON = NOON + timedelta(minutes=29)
TOO_LATE = NOON + timedelta(minutes=31)


def clock(at):
    return lambda: at


def bulk(kind, customers, by, **asked):
    return jobs.run_now(kind, by=by, clock=clock(NOON), ids=[customer.pk for customer in customers], **asked)


def bulk_ban(customers, by):
    return bulk("ban_purchases", customers, by, type="other", note="n", until="")


def bulk_lift(customers, by):
    return bulk("lift_bans", customers, by, reason="a mistake")


def banned_ids(at=SOON):
    return set(banned(Customer.objects.all(), at=at).values_list("pk", flat=True))


def answer(customer, at=SOON):
    account = customer.accounts.get()
    buyer = Identity(source_id=account.source_id, nick=account.nick)
    return ask(Question(buyer=buyer, door=Door.CHECK, at=at)).outcome


def test_undone_bulk_ban_answers_as_before_and_the_record_keeps_both(agent):
    customers = [CustomerFactory(agent=agent, nick=f"nick{number}") for number in range(3)]
    before = BanFactory(customer=customers[2], by=agent.user)
    job = bulk_ban(customers, agent.user)

    done = undo.undo(job, by=agent.user, clock=clock(SOON))

    assert (done.state, done.done_count) == (Job.State.FINISHED, 2)
    assert (banned_ids(), answer(customers[0]), answer(customers[2])) == (
        {customers[2].pk},
        Outcome.ALLOW,
        Outcome.REFUSE,
    )
    kept = list(Ban.objects.order_by("pk").values_list("pk", "lift_reason", "lifted_by"))
    assert kept[0] == (before.pk, "", None)
    assert {row[1:] for row in kept[1:]} == {("The bulk ban was undone.", agent.user.pk)}


def test_undone_bulk_lift_bans_again_on_the_same_terms(agent, manager):
    until = NOON + timedelta(days=7)
    customer = CustomerFactory(agent=agent, nick="nick")
    ban = BanFactory(customer=customer, by=manager, by_manager=True, type="extortion", note="why", until=until)
    job = bulk_lift([customer], manager)

    undo.undo(job, by=manager, clock=clock(SOON))

    again = Ban.objects.exclude(pk=ban.pk).get()
    ban.refresh_from_db()
    terms = ("customer", "type", "note", "until", "by", "by_manager")
    assert [getattr(again, name) for name in terms] == [getattr(ban, name) for name in terms]
    assert (again.restores, again.started_at, ban.lifted_by, ban.lift_job) == (ban, SOON, manager, job)
    assert (banned_ids(), answer(customer)) == ({customer.pk}, Outcome.REFUSE)
    assert not Ban.objects.liftable_by(agent.user, at=SOON).filter(pk=again.pk).exists()
    assert [event.by for event in Event.objects.filter(verb="ban.restored")] == [manager]
    assert list(BanChange.objects.order_by("pk").values_list("kind", "ban")) == [
        ("lifted", ban.pk),
        ("set", again.pk),
    ]


def test_undoing_a_lift_leaves_out_who_is_banned_again_and_whose_time_is_over(agent):
    short, again, back = [CustomerFactory(agent=agent) for _number in range(3)]
    BanFactory(customer=short, by=agent.user, until=NOON + timedelta(minutes=5))
    BanFactory(customer=again, by=agent.user)
    BanFactory(customer=back, by=agent.user)
    job = bulk_lift([short, again, back], agent.user)
    bans.ban_purchase(again, type="abuse", by=agent.user, at=NOON)

    done = undo.undo(job, by=agent.user, clock=clock(SOON))

    assert banned_ids() == {again.pk, back.pk}
    assert sorted(done.rows.filter(state="refused").values_list("customer", "refusal")) == [
        (short.pk, "over"),
        (again.pk, "banned"),
    ]


def test_undoing_a_lift_tells_of_a_ban_that_ran_out_meanwhile(agent):
    account = AccountFactory(
        customer=CustomerFactory(agent=agent), source=SourceFactory(code="tb", is_marketplace=True)
    )
    BanFactory(customer=account.customer, by=agent.user)
    job = bulk_lift([account.customer], agent.user)
    short = bans.ban_purchase(account.customer, type="abuse", by=agent.user, at=NOON, until=NOON + timedelta(minutes=5))

    undo.undo(job, by=agent.user, clock=clock(SOON))

    assert banned_ids() == {account.customer.pk}
    assert MarketplaceTask.objects.filter(ban=short, action="unblock").exists()


def test_undoing_a_ban_leaves_alone_who_was_lifted_and_banned_again_meanwhile(agent):
    customer = CustomerFactory(agent=agent)
    job = bulk_ban([customer], agent.user)
    bans.lift_ban(customer, reason="r", by=agent.user, at=NOON)
    bans.ban_purchase(customer, type="abuse", by=agent.user, at=NOON)

    undo.undo(job, by=agent.user, clock=clock(SOON))

    assert banned_ids() == {customer.pk}


def test_undoing_a_lift_bans_whoever_two_were_merged_into_once_as_strictly_as_either(agent, manager):
    kept, merged = CustomerFactory.create_batch(2, agent=agent)
    BanFactory(customer=kept, by=agent.user, until=NOON + timedelta(days=1))
    stricter = BanFactory(customer=merged, by=agent.user, until=NOON + timedelta(days=7))
    job = bulk_lift([kept, merged], agent.user)
    merge(kept, merged, by=manager, at=NOON)

    done = undo.undo(job, by=agent.user, clock=clock(SOON))

    assert (done.state, Ban.objects.get(restores__isnull=False).restores) == (Job.State.FINISHED, stricter)


@pytest.mark.parametrize("kind", [bulk_ban, bulk_lift])
def test_undo_has_its_time(agent, kind):
    customer = CustomerFactory(agent=agent)
    if kind is bulk_lift:
        BanFactory(customer=customer, by=agent.user)
    job = kind([customer], agent.user)
    stood = banned_ids()

    with pytest.raises(undo.CannotUndo, match="30 minutes"):
        undo.undo(job, by=agent.user, clock=clock(TOO_LATE))

    assert banned_ids() == stood


def test_undo_is_done_once_by_who_did_it_or_a_manager(agent, other_agent, manager):
    job = bulk_ban([CustomerFactory(agent=agent)], agent.user)

    with pytest.raises(undo.CannotUndo, match="whoever did it"):
        undo.undo(job, by=other_agent.user, clock=clock(SOON))
    undo.undo(job, by=manager, clock=clock(SOON))
    with pytest.raises(undo.CannotUndo, match="already"):
        undo.undo(job, by=agent.user, clock=clock(SOON))

    assert banned_ids() == set()


def test_an_undo_that_was_refused_keeps_nobody_from_undoing(agent, manager):
    job = bulk_ban([CustomerFactory(agent=agent)], agent.user)
    Ban.objects.update(confirmed_at=NOON, confirmed_by=manager)

    refused = undo.undo(job, by=agent.user, clock=clock(SOON))
    done = undo.undo(job, by=manager, clock=clock(SOON))

    assert (refused.done_count, refused.refused_count, done.done_count, banned_ids()) == (0, 1, 1, set())


def test_other_jobs_have_nothing_to_undo(agent):
    job = bulk("change_level", [CustomerFactory(agent=agent)], agent.user, level=1, reason="")

    with pytest.raises(undo.CannotUndo, match="nothing"):
        undo.undo(job, by=agent.user, clock=clock(SOON))


def test_page_of_the_job_offers_the_undo(agent, sign_in, now):
    customer = CustomerFactory(agent=agent)
    job = jobs.run_now("ban_purchases", by=agent.user, ids=[customer.pk], type="other", note="", until="")
    door = reverse("admin:blocklist_undo_job", args=[job.pk])

    offered = sign_in(agent.user).get(job.get_absolute_url())
    asked = sign_in(agent.user).get(door)
    done = sign_in(agent.user).post(door, follow=True)
    after = sign_in(agent.user).get(job.get_absolute_url())
    stranger = sign_in(UserFactory(role="agent")).post(door)

    assert (door in offered.text, asked.status_code, done.status_code, stranger.status_code) == (True, 405, 200, 404)
    assert ("This was undone" in after.text, door in after.text, banned_ids(now)) == (True, False, set())

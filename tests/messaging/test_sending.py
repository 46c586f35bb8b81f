"""From a draft to a settled ledger: planning, claiming, sending."""

from datetime import timedelta

import pytest

from blocklist.models import Ban
from blocklist.services.bans import ban_purchase, lift_ban
from messaging.channels import Channel, get_channel
from messaging.models import Broadcast, Delivery, InboxMessage
from messaging.services.broadcasts import Ledger, Preview, ledger, preview, send
from messaging.services.planning import plan_stretch
from messaging.services.sending import claim
from messaging.services.sending import deliver as deliver_batch
from tests.factories import NOON, BanFactory, BroadcastFactory, CustomerFactory, GroupFactory
from tests.parallel import Parallel


def reached(broadcast):
    return set(InboxMessage.objects.filter(broadcast=broadcast).values_list("customer", flat=True))


def rows(broadcast):
    return sorted(broadcast.deliveries.values_list("customer", "state", "reason"))


@pytest.fixture
def crowd(agent, other_agent):
    """Two who can be reached, one banned, one without account; one of another agent, one unbound."""
    return {
        "ann": CustomerFactory(agent=agent, nick="ann"),
        "bob": CustomerFactory(agent=agent, nick="bob", level=3),
        "banned": BanFactory(customer=CustomerFactory(agent=agent, nick="mallory")).customer,
        "guest": CustomerFactory(agent=agent),
        "other": CustomerFactory(agent=other_agent, nick="eve", level=3),
        "unbound": CustomerFactory(nick="nobody", level=3),
    }


def test_every_customer_of_the_audience_ends_with_one_row_and_its_reason(crowd, manager, plan, deliver):
    broadcast = BroadcastFactory()

    send(broadcast, by=manager, at=NOON)
    plan()
    deliver()

    assert rows(broadcast) == [
        (crowd["ann"].pk, "sent", ""),
        (crowd["bob"].pk, "sent", ""),
        (crowd["banned"].pk, "excluded", "banned"),
        (crowd["guest"].pk, "excluded", "no_account"),
        (crowd["other"].pk, "sent", ""),
    ]
    assert reached(broadcast) == {crowd["ann"].pk, crowd["bob"].pk, crowd["other"].pk}
    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.FINISHED
    assert ledger(broadcast) == Ledger(
        total=5,
        by_state={"waiting": 0, "claimed": 0, "sent": 3, "failed": 0, "excluded": 2},
        by_reason={"banned": 1, "no_account": 1},
    )


def test_preview_counts_what_sending_then_does(crowd, manager, plan, deliver):
    broadcast = BroadcastFactory()

    foretold = preview(broadcast, at=NOON)

    assert foretold == Preview(audience=5, receiving=3, excluded={"banned": 1, "no_account": 1})
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ("all_bound", {"ann", "bob", "banned", "guest", "other"}),
        ("agent", {"ann", "bob", "banned", "guest"}),
        ("level", {"bob", "other"}),
        ("group", {"ann"}),
    ],
)
def test_audience_is_whom_it_says(crowd, agent, audience, expected):
    group = GroupFactory()
    crowd["ann"].groups.add(group)
    crowd["unbound"].groups.add(group)
    broadcast = BroadcastFactory(audience=audience, agent=agent, level=3, group=group)

    assert set(broadcast.customers()) == {crowd[name] for name in expected}


def test_ban_after_planning_and_before_the_claim_gets_nothing(crowd, agent, manager, plan, deliver):
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()
    assert broadcast.deliveries.filter(customer=crowd["ann"], state="waiting").exists()

    ban_purchase(crowd["ann"], type="other", by=agent.user, at=NOON)
    deliver()

    assert (crowd["ann"].pk, "excluded", "banned") in rows(broadcast)
    assert crowd["ann"].pk not in reached(broadcast)


def test_ban_lifted_before_the_claim_gets_the_message(crowd, manager, plan, deliver):
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()

    lift_ban(crowd["banned"], reason="we agreed", by=manager, at=NOON)
    deliver()

    assert crowd["banned"].pk in reached(broadcast)


def test_ban_between_claim_and_sending_is_seen_by_the_second_look(crowd, agent, manager, plan, clock):
    broadcast = BroadcastFactory()
    channel = get_channel("inbox")
    send(broadcast, by=manager, at=NOON)
    plan()
    looked_at = clock()
    token = claim(broadcast, channel, at=looked_at)

    ban_purchase(crowd["ann"], type="other", by=agent.user, at=clock())
    clock.forward(seconds=1)
    deliver_batch(broadcast, channel, token, looked_at=looked_at, clock=clock)

    assert (crowd["ann"].pk, "excluded", "banned") in rows(broadcast)
    assert crowd["ann"].pk not in reached(broadcast)


def test_rows_of_a_dead_worker_are_claimed_again_when_its_lease_ends(crowd, manager, plan, deliver, clock):
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()
    dead = claim(broadcast, get_channel("inbox"), at=clock())

    deliver()
    assert Delivery.objects.held_by(dead).count() == 5
    assert reached(broadcast) == set()

    clock.forward(seconds=Channel.lease.total_seconds() + 1)
    deliver()
    assert ledger(broadcast).by_state["sent"] == 3


def test_worker_whose_lease_was_taken_over_sends_nothing(crowd, manager, plan, clock):
    broadcast = BroadcastFactory()
    channel = get_channel("inbox")
    send(broadcast, by=manager, at=NOON)
    plan()
    slow_at = clock()
    slow = claim(broadcast, channel, at=slow_at)
    clock.forward(seconds=Channel.lease.total_seconds() + 1)
    quick = claim(broadcast, channel, at=clock())

    deliver_batch(broadcast, channel, slow, looked_at=slow_at, clock=clock)

    assert reached(broadcast) == set()
    assert Delivery.objects.held_by(quick).count() == 5


def test_planning_stopped_half_way_goes_on_where_it_was(settings, agent, manager, plan, clock):
    settings.WRITE_BATCH = 2
    customers = [CustomerFactory(agent=agent) for _ in range(5)]
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)

    assert plan_stretch(at=clock())
    assert broadcast.deliveries.count() == 2
    plan()

    assert [row[0] for row in rows(broadcast)] == [customer.pk for customer in customers]
    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.SENDING


def test_refusing_channel_marks_its_rows_failed(crowd, manager, plan, deliver, outbox):
    broadcast = BroadcastFactory(channel="failing")
    send(broadcast, by=manager, at=NOON)
    plan()
    deliver()

    assert ledger(broadcast).by_state == {"waiting": 0, "claimed": 0, "sent": 0, "failed": 4, "excluded": 1}
    assert ledger(broadcast).by_reason == {"error": 4, "banned": 1}


def test_row_that_no_worker_can_settle_is_given_up(crowd, manager, plan, deliver, clock):
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()
    for _ in range(5):
        claim(broadcast, get_channel("inbox"), at=clock())
        clock.forward(seconds=Channel.lease.total_seconds() + 1)

    deliver()

    assert ledger(broadcast).by_state["failed"] == 5
    assert reached(broadcast) == set()


def test_empty_audience_finishes(manager, plan, deliver):
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()
    deliver()

    broadcast.refresh_from_db()
    assert (broadcast.state, ledger(broadcast).total) == (Broadcast.State.FINISHED, 0)


@pytest.mark.django_db(transaction=True)
def test_claims_side_by_side_never_share_a_row(settings, agent, manager):
    settings.WRITE_BATCH = 3
    for _ in range(12):
        CustomerFactory(agent=agent)
    broadcast = BroadcastFactory(state=Broadcast.State.SENDING)
    Delivery.objects.bulk_create(
        Delivery(broadcast=broadcast, customer=customer, planned_at=NOON) for customer in broadcast.customers()
    )
    tokens = []

    with Parallel() as side:
        for _ in range(4):
            side.start(lambda: tokens.append(claim(broadcast, get_channel("inbox"), at=NOON)))

    assert [Delivery.objects.held_by(token).count() for token in tokens] == [3, 3, 3, 3]
    assert set(broadcast.deliveries.values_list("attempts", flat=True)) == {1}


def test_banned_is_decided_at_the_moment_of_the_claim(agent, manager, plan, deliver, clock):
    customer = CustomerFactory(agent=agent, nick="ann")
    BanFactory(customer=customer, started_at=NOON, until=NOON + timedelta(minutes=1), type=Ban.Type.ABUSE)
    broadcast = BroadcastFactory()
    send(broadcast, by=manager, at=NOON)
    plan()

    clock.forward(minutes=2)
    deliver()

    assert reached(broadcast) == {customer.pk}

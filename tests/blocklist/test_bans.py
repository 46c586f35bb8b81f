from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from blocklist.models import Ban, banned
from blocklist.services.bans import (
    BulkReport,
    MayNotBan,
    NotBanned,
    ban_purchase,
    ban_purchases,
    lift_ban,
    lift_bans,
)
from blocklist.signals import ban_lifted
from customers.models import Customer, Event
from tests.factories import NOON, BanFactory, CustomerFactory, UserFactory

LATER = NOON + timedelta(hours=1)


def banned_ids(at):
    return set(banned(Customer.objects.all(), at=at).values_list("pk", flat=True))


def test_ban_by_exclusive_agent_stands_at_once_and_is_audited(agent):
    customer = CustomerFactory(agent=agent)

    ban = ban_purchase(customer, type=Ban.Type.EXTORTION, by=agent.user, at=NOON, note="asked for money")

    assert (ban.customer, ban.type, ban.by, ban.by_manager, ban.until) == (
        customer,
        Ban.Type.EXTORTION,
        agent.user,
        False,
        None,
    )
    assert banned_ids(NOON) == {customer.pk}
    event = Event.objects.get(verb="ban.set")
    assert (event.by, event.at, list(event.rows.values_list("model", "row_id"))) == (
        agent.user,
        NOON,
        [("blocklist.ban", ban.pk)],
    )


@pytest.mark.parametrize("role", ["agent", "lead", None])
def test_ban_by_anybody_else_is_refused_and_says_who_may(agent, role):
    customer = CustomerFactory(agent=agent)

    with pytest.raises(MayNotBan, match="Ming"):
        ban_purchase(customer, type="other", by=UserFactory(role=role), at=NOON)

    assert banned_ids(NOON) == set()


def test_ban_by_manager_reaches_a_customer_without_agent(manager):
    customer = CustomerFactory()

    ban = ban_purchase(customer, type="other", by=manager, at=NOON)

    assert ban.by_manager
    assert banned_ids(NOON) == {customer.pk}


def test_ban_twice_returns_the_standing_one(agent):
    customer = CustomerFactory(agent=agent)
    first = ban_purchase(customer, type="abuse", by=agent.user, at=NOON)

    second = ban_purchase(customer, type="other", by=agent.user, at=LATER)

    assert second == first
    assert list(Ban.objects.values_list("type", flat=True)) == ["abuse"]


def test_ban_runs_out_by_comparing_times_and_the_next_one_stamps_it(agent):
    customer = CustomerFactory(agent=agent)
    first = ban_purchase(customer, type="other", by=agent.user, at=NOON, until=LATER)
    assert banned_ids(NOON) == {customer.pk}
    assert banned_ids(LATER) == set()

    second = ban_purchase(customer, type="other", by=agent.user, at=LATER)

    first.refresh_from_db()
    assert second != first
    assert first.ended_at == LATER
    assert banned_ids(LATER) == {customer.pk}


@pytest.mark.parametrize(
    ("facts", "field"), [({"type": "nonsense"}, "type"), ({"type": "other", "until": NOON}, "until")]
)
def test_ban_with_bad_input_names_the_field_and_writes_nothing(agent, facts, field):
    customer = CustomerFactory(agent=agent)

    with pytest.raises(ValidationError) as error:
        ban_purchase(customer, by=agent.user, at=NOON, **facts)

    assert list(error.value.message_dict) == [field]
    assert not Ban.objects.exists()


def test_bulk_ban_obeys_the_rule_row_by_row_and_reports(agent, other_agent):
    own = [CustomerFactory(agent=agent) for _ in range(3)]
    CustomerFactory(agent=other_agent)
    BanFactory(customer=own[0])

    report = ban_purchases(Customer.objects.all(), type="other", by=agent.user, at=NOON)

    assert report == BulkReport(banned=2, standing=1, refused=1)
    assert banned_ids(NOON) == {customer.pk for customer in own}
    event = Event.objects.get(verb="ban.set")
    assert event.rows.count() == 2


def test_bulk_ban_of_a_list_filtered_by_not_banned_bans_them_all(manager):
    CustomerFactory.create_batch(3)
    not_banned = Customer.objects.exclude(pk__in=banned(Customer.objects.all(), at=NOON).values("pk"))

    report = ban_purchases(not_banned, type="other", by=manager, at=NOON)

    assert report == BulkReport(banned=3, standing=0, refused=0)


def test_bulk_ban_costs_the_same_queries_for_one_and_three(manager, count_queries):
    def ban_all():
        ban_purchases(Customer.objects.all(), type="other", by=manager, at=NOON)

    CustomerFactory()
    ban_all()  # the user's permissions are known from here on
    one = CustomerFactory()
    of_one = count_queries(ban_all)
    CustomerFactory.create_batch(3)
    of_three = count_queries(ban_all)

    assert banned_ids(NOON) >= {one.pk}
    assert of_three == of_one


def test_lift_ends_the_ban_with_its_reason_and_keeps_the_record(agent):
    customer = CustomerFactory(agent=agent)
    ban = ban_purchase(customer, type="other", by=agent.user, at=NOON)

    lifted = lift_ban(customer, reason="we agreed", by=agent.user, at=LATER)

    assert (lifted.pk, lifted.ended_at, lifted.lifted_by, lifted.lift_reason) == (
        ban.pk,
        LATER,
        agent.user,
        "we agreed",
    )
    assert banned_ids(LATER) == set()
    assert Event.objects.filter(verb="ban.lifted").count() == 1


def test_lift_of_a_managers_ban_is_the_managers(agent, manager):
    customer = CustomerFactory(agent=agent)
    ban_purchase(customer, type="other", by=manager, at=NOON)

    with pytest.raises(MayNotBan, match="manager set this ban"):
        lift_ban(customer, reason="please", by=agent.user, at=LATER)
    assert banned_ids(LATER) == {customer.pk}

    lift_ban(customer, reason="please", by=manager, at=LATER)
    assert banned_ids(LATER) == set()


def test_lift_by_another_agent_is_refused(agent, other_agent):
    customer = CustomerFactory(agent=agent)
    ban_purchase(customer, type="other", by=agent.user, at=NOON)

    with pytest.raises(MayNotBan, match="Ming"):
        lift_ban(customer, reason="please", by=other_agent.user, at=LATER)

    assert banned_ids(LATER) == {customer.pk}


def test_lift_of_nothing_and_without_reason_are_refused(agent):
    customer = CustomerFactory(agent=agent)

    with pytest.raises(NotBanned):
        lift_ban(customer, reason="why not", by=agent.user, at=NOON)
    with pytest.raises(ValidationError):
        lift_ban(customer, reason="  ", by=agent.user, at=NOON)


def test_in_force_tells_the_past(agent):
    customer = CustomerFactory(agent=agent)
    ban_purchase(customer, type="other", by=agent.user, at=NOON)
    lift_ban(customer, reason="we agreed", by=agent.user, at=LATER)

    in_force = [Ban.objects.in_force(at).exists() for at in (NOON - timedelta(1), NOON, LATER)]

    assert in_force == [False, True, False]


def test_bulk_lift_obeys_the_rule_of_a_single_lift_row_by_row(agent, other_agent, manager):
    mine, by_manager, others, free = (CustomerFactory(agent=owner) for owner in (agent, agent, other_agent, agent))
    for customer, owner in ((mine, agent), (others, other_agent)):
        ban_purchase(customer, type="other", by=owner.user, at=NOON)
    ban_purchase(by_manager, type="other", by=manager, at=NOON)
    still_banned = banned(Customer.objects.all(), at=LATER)

    count = lift_bans(still_banned, reason=" we agreed ", by=agent.user, at=LATER)

    assert (count, banned_ids(LATER)) == (1, {by_manager.pk, others.pk})
    lifted = Ban.objects.get(customer=mine)
    assert (lifted.ended_at, lifted.lifted_by, lifted.lift_reason) == (LATER, agent.user, "we agreed")
    assert list(Event.objects.filter(verb="ban.lifted").values_list("rows__row_id", flat=True)) == [lifted.pk]
    assert free.pk not in Ban.objects.values_list("customer", flat=True)


def test_bulk_lift_tells_upper_apps_whose_bans_it_lifted(manager):
    bans = {BanFactory().pk for _number in range(2)}
    told = []

    def listen(sender, bans, **kwargs):
        told.append(set(bans.values_list("pk", flat=True)))

    ban_lifted.connect(listen)
    lift_bans(Customer.objects.all(), reason="we agreed", by=manager, at=LATER)
    ban_lifted.disconnect(listen)

    assert told == [bans]


def test_bulk_lift_without_a_reason_lifts_nothing(manager):
    customer = BanFactory().customer

    with pytest.raises(ValidationError) as error:
        lift_bans(Customer.objects.all(), reason="  ", by=manager, at=LATER)

    assert (list(error.value.message_dict), banned_ids(LATER)) == (["reason"], {customer.pk})

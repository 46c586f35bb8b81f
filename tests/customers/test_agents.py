"""Agents: their statuses and what time does to them, deputies, mutes, hand-overs; as services."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from customers.models import (
    Agent,
    AgentStatusChange,
    Binding,
    Customer,
    Deputyship,
    Event,
    Inquiry,
    Job,
    Mute,
    Notification,
)
from customers.services import agents, deputies, hand_overs, mutes
from customers.services.bindings import MayNotBind
from customers.services.deputies import MayNotDepute
from customers.services.mutes import MayNotMute
from customers.services.notifications import sentence
from tests.factories import NOON, AgentFactory, CustomerFactory, InquiryFactory, UserFactory

LATER = NOON + timedelta(hours=1)
DAYS = {"starts_at": NOON, "ends_at": NOON + timedelta(days=3)}


def news():
    return [(row.user, sentence(row)) for row in Notification.objects.order_by("pk")]


def test_status_keeps_reason_planned_end_and_a_log(agent, lead):
    until = NOON + timedelta(hours=2)
    agents.set_status(agent, "suspended", by=agent.user, at=NOON, reason="lunch", until=until)
    agents.set_status(agent, "suspended", by=agent.user, at=LATER, reason="lunch", until=until)
    agents.set_status(agent, "online", by=lead, at=LATER, reason="come back", until=until)

    assert (agent.status, agent.status_reason, agent.status_until, agent.status_since) == ("online", "", None, LATER)
    log = AgentStatusChange.objects.of(agent).order_by("pk")
    assert list(log.values_list("status", "cause", "reason", "until", "by", "at")) == [
        ("suspended", "by_hand", "lunch", until, agent.user.pk, NOON),
        ("online", "by_hand", "", None, lead.pk, LATER),
    ]
    assert news() == [(agent.user, "lead set you online.")]


def test_planned_end_in_the_past_is_refused(agent):
    with pytest.raises(ValidationError) as error:
        agents.set_status(agent, "suspended", by=agent.user, at=NOON, until=NOON)

    assert list(error.value.message_dict) == ["until"]
    assert not AgentStatusChange.objects.exists()


def test_scheduler_writes_down_that_a_suspension_is_over_and_gives_out_what_waits(agent):
    agents.set_status(agent, "suspended", by=agent.user, at=NOON, until=LATER)
    waiting = InquiryFactory(customer=CustomerFactory(agent=agent))

    agents.keep_statuses(at=LATER - timedelta(seconds=1))
    before = Agent.objects.get(pk=agent.pk).status
    agents.keep_statuses(at=LATER)
    agents.keep_statuses(at=LATER)

    last = AgentStatusChange.objects.of(agent).last()
    assert (before, last.status, last.cause, last.by, last.at) == ("suspended", "online", "time", None, LATER)
    assert AgentStatusChange.objects.count() == 2
    waiting.refresh_from_db()
    assert waiting.agent == agent


def test_agent_unseen_for_too_long_is_set_offline_and_told(agent, other_agent, settings):
    settings.AGENT_IDLE_AFTER = timedelta(minutes=30)
    never_seen, on_a_break = AgentFactory(), AgentFactory(last_active_at=NOON)
    Agent.objects.filter(pk__in=[agent.pk, other_agent.pk]).update(last_active_at=NOON)
    agents.set_status(on_a_break, "suspended", by=on_a_break.user, at=NOON, until=NOON + timedelta(hours=3))
    at = NOON + timedelta(minutes=30, seconds=1)
    agents.note_activity(Agent.objects.get(pk=other_agent.pk), at=at)

    agents.keep_statuses(at=at)

    statuses = dict(Agent.objects.values_list("pk", "status"))
    assert statuses == {
        agent.pk: "offline",
        other_agent.pk: "online",
        never_seen.pk: "online",
        on_a_break.pk: "suspended",
    }
    assert AgentStatusChange.objects.of(agent).get().cause == "idle"
    assert news() == [(agent.user, "You were set offline: not seen in the panel for too long.")]


def test_nobody_is_set_offline_where_the_shop_turned_that_off(agent):
    Agent.objects.filter(pk=agent.pk).update(last_active_at=NOON)

    agents.keep_statuses(at=NOON + timedelta(days=3))

    assert Agent.objects.get(pk=agent.pk).status == "online"


def test_activity_is_written_once_a_minute(agent, count_queries):
    moments = [NOON, NOON + timedelta(seconds=59), NOON + timedelta(seconds=60)]

    queries = [count_queries(lambda at=at: agents.note_activity(agent, at=at)) for at in moments]

    assert queries == [1, 0, 1]
    assert Agent.objects.get(pk=agent.pk).last_active_at == moments[2]


def test_agent_who_takes_no_customers_any_more_gives_his_inquiries_away(agent, other_agent, lead):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(agent=agent))
    Agent.objects.filter(pk=agent.pk).update(is_active=False)

    agents.limits_changed(agent, by=lead, at=NOON)

    inquiry.refresh_from_db()
    assert (inquiry.agent, inquiry.routed_reason) == (other_agent, "exclusive_left")
    assert Agent.objects.get(pk=agent.pk).status == "offline"


def test_agent_proposes_his_deputy_and_a_manager_approves(agent, other_agent, manager):
    proposed = deputies.propose(agent, deputy=other_agent, **DAYS, by=agent.user, at=NOON)

    assert (proposed.approved_at, Deputyship.objects.in_force(NOON).exists()) == (None, False)
    with pytest.raises(MayNotDepute):
        deputies.approve(proposed, by=other_agent.user, at=NOON)
    deputies.approve(proposed, by=manager, at=LATER)
    deputies.approve(proposed, by=manager, at=LATER + timedelta(hours=1))

    assert (proposed.approved_by, proposed.approved_at, proposed.is_decided_alone) == (manager, LATER, False)
    in_force = [Deputyship.objects.in_force(at).exists() for at in (LATER, DAYS["ends_at"])]
    assert in_force == [True, False]
    assert news() == [
        (manager, "Lan shall stand in for Ming: approve or decline."),
        (agent.user, "Approved: Lan stands in for Ming."),
        (other_agent.user, "Approved: Lan stands in for Ming."),
    ]
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == [
        "deputyship.proposed",
        "deputyship.approved",
    ]


def test_manager_who_is_one_of_the_two_needs_another_one_where_there_is_one(other_agent, manager):
    own = AgentFactory(user=manager, display_name="Boss")
    second = UserFactory(role="manager")
    proposed = deputies.propose(own, deputy=other_agent, **DAYS, by=manager, at=NOON)
    assert proposed.approved_at is None
    with pytest.raises(MayNotDepute, match="another manager"):
        deputies.approve(proposed, by=manager, at=NOON)

    second.is_active = False
    second.save(update_fields=["is_active"])
    deputies.approve(proposed, by=manager, at=NOON)

    assert (proposed.approved_by, proposed.is_decided_alone) == (manager, True)


def test_deputy_for_others_is_a_leads_to_propose(agent, other_agent, lead):
    with pytest.raises(MayNotDepute):
        deputies.propose(agent, deputy=other_agent, **DAYS, by=other_agent.user, at=NOON)

    assert deputies.propose(agent, deputy=other_agent, **DAYS, by=lead, at=NOON).approved_at is None


@pytest.mark.parametrize(
    ("who", "dates", "field"),
    [
        ("himself", {}, "deputy"),
        ("former", {}, "deputy"),
        ("other", {"ends_at": NOON}, "ends_on"),
        ("other", {"starts_at": NOON - timedelta(days=2), "ends_at": NOON}, "ends_on"),
    ],
)
def test_deputyship_that_cannot_be_is_refused_by_its_field(agent, other_agent, manager, who, dates, field):
    deputy = {"himself": agent, "other": other_agent, "former": AgentFactory(is_active=False)}[who]

    with pytest.raises(ValidationError) as error:
        deputies.propose(agent, deputy=deputy, **{**DAYS, **dates}, by=manager, at=NOON)

    assert list(error.value.message_dict) == [field]
    assert not Deputyship.objects.exists()


def test_second_deputy_in_the_same_days_is_refused_until_the_first_has_ended(agent, other_agent, manager):
    first = deputies.propose(agent, deputy=other_agent, **DAYS, by=manager, at=NOON)
    third = AgentFactory()
    with pytest.raises(ValidationError, match="end that first"):
        deputies.propose(agent, deputy=third, **DAYS, by=manager, at=NOON)

    deputies.end(first, by=agent.user, at=LATER)

    assert deputies.propose(agent, deputy=third, **DAYS, by=manager, at=LATER).approved_at == LATER
    assert not Deputyship.objects.in_force(LATER).filter(pk=first.pk).exists()


def test_deputy_sees_the_customers_where_agents_see_their_own_only(agent, other_agent, manager, now, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    customer = CustomerFactory(agent=agent)
    seen = [list(Customer.objects.visible_to(other_agent.user))]

    dates = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    deputies.propose(agent, deputy=other_agent, **dates, by=manager, at=now)
    seen.append(list(Customer.objects.visible_to(other_agent.user)))

    assert seen == [[], [customer]]


def test_mute_stands_for_seven_days_by_comparing_times(agent, settings):
    customer = CustomerFactory(agent=agent)

    first = mutes.mute(customer, agent=agent, reason=" shouts ", by=agent.user, at=NOON)
    same = mutes.mute(customer, agent=agent, reason="again", by=agent.user, at=LATER)
    over = NOON + timedelta(days=7)
    second = mutes.mute(customer, agent=agent, reason="again", by=agent.user, at=over)

    first.refresh_from_db()
    assert (same, first.reason, first.until, first.ended_at, first.ended_by) == (first, "shouts", over, over, None)
    assert second != first
    assert [Mute.objects.standing(at).count() for at in (NOON, over, over + timedelta(days=7))] == [1, 1, 0]


def test_mute_passes_the_running_inquiry_on_at_once(agent, other_agent):
    inquiry = InquiryFactory(agent=agent)

    mutes.mute(inquiry.customer, agent=agent, reason="shouts", by=agent.user, at=NOON)

    inquiry.refresh_from_db()
    row = inquiry.routings.get()
    assert (inquiry.agent, row.passed_over, row.passed_reason) == (other_agent, agent, "muted")


def test_mute_is_the_agents_own_for_customers_whom_he_serves(agent, other_agent, lead):
    his, served = CustomerFactory(agent=agent), CustomerFactory()
    InquiryFactory(agent=agent, customer=served)
    for customer, by in ((his, lead), (his, other_agent.user)):
        with pytest.raises(MayNotMute):
            mutes.mute(customer, agent=agent, reason="shouts", by=by, at=NOON)
    with pytest.raises(MayNotMute, match="whom you serve"):
        mutes.mute(his, agent=other_agent, reason="shouts", by=other_agent.user, at=NOON)
    with pytest.raises(ValidationError):
        mutes.mute(his, agent=agent, reason=" ", by=agent.user, at=NOON)
    assert not Mute.objects.exists()

    assert mutes.mute(served, agent=agent, reason="shouts", by=agent.user, at=NOON).is_standing(NOON)


def test_mute_is_ended_by_its_agent_or_a_lead_and_seen_by_leads_and_him(agent, other_agent, lead, manager):
    customer = CustomerFactory(agent=agent)
    mute = mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=NOON)
    seen = {
        user.username: mute in Mute.objects.visible_to(user) for user in (agent.user, other_agent.user, lead, manager)
    }

    with pytest.raises(MayNotMute, match="Ming"):
        mutes.unmute(mute, by=other_agent.user, at=LATER)
    mutes.unmute(mute, by=lead, at=LATER)
    mutes.unmute(mute, by=agent.user, at=LATER + timedelta(hours=1))

    assert seen == {"ming": True, "lan": False, "lead": True, "manager": True}
    assert (mute.ended_by, mute.ended_at) == (lead, LATER)


def test_leads_are_asked_once_when_a_mute_is_nearly_over(agent, lead):
    customer = CustomerFactory(agent=agent)
    mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=NOON)

    mutes.ask_leads(at=NOON + timedelta(days=6, seconds=-1))
    too_soon = news()
    mutes.ask_leads(at=NOON + timedelta(days=6))
    mutes.ask_leads(at=NOON + timedelta(days=6, hours=1))

    asked = f"Ming has not received customer #{customer.pk} for days: hand the customer over, or the mute ends."
    assert (too_soon, news()) == ([], [(lead, asked)])


def test_stock_is_handed_over_evenly_with_as_many_of_every_level(agent, other_agent, lead, settings):
    settings.WRITE_BATCH = 3
    third = AgentFactory(display_name="Yue")
    for level in (0, 0, 0, 0, 3, 3):
        CustomerFactory(agent=agent, level=level)

    job = hand_overs.start_hand_over(agent, to=[other_agent, third], levels=[], reason="leaves us", by=lead, at=LATER)

    shares = {
        who.display_name: sorted(Customer.objects.filter(agent=who).values_list("level", flat=True))
        for who in (agent, other_agent, third)
    }
    assert (job.state, job.done_count, job.parameters["to"]) == (
        Job.State.FINISHED,
        6,
        {str(other_agent.pk): 3, str(third.pk): 3},
    )
    assert {name: len(levels) for name, levels in shares.items()} == {"Ming": 0, "Lan": 3, "Yue": 3}
    assert set(Binding.objects.filter(ended_at=None).values_list("reason", flat=True)) == {"leaves us"}
    assert news() == [
        (other_agent.user, "3 customers of Ming are yours now."),
        (third.user, "3 customers of Ming are yours now."),
    ]
    assert (list(hand_overs.given_away(agent)), list(hand_overs.taken_over(third))) == ([job], [job])


def test_some_levels_are_handed_over_and_the_preview_says_whom_it_moves(agent, other_agent, lead):
    vip = CustomerFactory(agent=agent, level=3)
    InquiryFactory(agent=agent, customer=vip)
    regular = CustomerFactory(agent=agent, level=1)
    CustomerFactory(agent=other_agent, level=3)

    everybody = hand_overs.preview(agent, levels=[], at=NOON)
    seen = hand_overs.preview(agent, levels=[3], at=NOON)
    hand_overs.start_hand_over(agent, to=[other_agent], levels=[3], reason="", by=lead, at=NOON)

    assert (everybody.total, [(str(label), count) for label, count in everybody.by_level]) == (
        2,
        [("VIP member", 1), ("regular member", 1)],
    )
    assert (seen.total, [count for _label, count in seen.also]) == (1, [1, 0])
    assert list(agent.customers.all()) == [regular]


def test_many_customers_are_handed_over_in_the_background(agent, other_agent, lead, monkeypatch):
    monkeypatch.setattr(hand_overs, "AT_ONCE", 1)
    CustomerFactory.create_batch(2, agent=agent)

    job = hand_overs.start_hand_over(agent, to=[other_agent], levels=[], reason="", by=lead, at=NOON)

    assert (job.state, agent.customers.count()) == (Job.State.WAITING, 2)


def test_agent_hands_over_his_own_stock_and_nobody_elses(agent, other_agent):
    CustomerFactory(agent=agent)

    with pytest.raises(MayNotBind, match="Ming"):
        hand_overs.start_hand_over(agent, to=[other_agent], levels=[], reason="", by=other_agent.user, at=NOON)
    hand_overs.start_hand_over(agent, to=[other_agent], levels=[], reason="", by=agent.user, at=NOON)

    assert other_agent.customers.count() == 1


@pytest.mark.parametrize("to", ["nobody", "himself", "former"])
def test_hand_over_to_nobody_who_can_take_it_is_refused(agent, lead, to):
    CustomerFactory(agent=agent)
    chosen = {"nobody": [], "himself": [agent], "former": [AgentFactory(is_active=False)]}[to]

    with pytest.raises(ValidationError) as error:
        hand_overs.start_hand_over(agent, to=chosen, levels=[], reason="", by=lead, at=NOON)

    assert list(error.value.message_dict) == ["to"]
    assert (Job.objects.count(), agent.customers.count(), Inquiry.objects.count()) == (0, 1, 0)

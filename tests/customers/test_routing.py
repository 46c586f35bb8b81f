"""Who gets an inquiry, what else he takes, and the words in which it is told."""

import threading
from datetime import timedelta

import pytest

from customers.identity import Identity
from customers.models import Agent, Inquiry, InquiryRouting, Notification
from customers.services import agents, deputies, inquiries, mutes
from customers.services.notifications import sentence as told
from customers.services.routing_words import sentence
from tests.factories import NOON, AgentFactory, CustomerFactory, InquiryFactory, SourceFactory
from tests.parallel import Parallel

LATER = NOON + timedelta(hours=1)
TWO = NOON + timedelta(hours=2)  # 14:00 in Shanghai


@pytest.fixture
def write(db):
    """A buyer writes; returns who has his inquiry, and the sentence that says why."""

    def _write(nick="willow", at=NOON):
        source = SourceFactory()
        inquiries.receive(Identity(source_id=source.pk, nick=nick), source=source, text="Hello", at=at)
        inquiry = Inquiry.objects.get(customer__accounts__nick=nick, state__in=["new", "open", "waiting"])
        return inquiry.agent, sentence(inquiry.routings.last())

    return _write


def put(agent, **values):
    Agent.objects.filter(pk=agent.pk).update(**values)


def approve(agent, deputy, manager, *, starts_at=NOON, ends_at=NOON + timedelta(days=2)):
    return deputies.propose(agent, deputy=deputy, starts_at=starts_at, ends_at=ends_at, by=manager, at=NOON)


def test_deputy_takes_what_his_agent_cannot(write, agent, other_agent, manager):
    CustomerFactory(nick="willow", agent=agent)
    AgentFactory(display_name="Idle")
    InquiryFactory(agent=other_agent)
    approve(agent, other_agent, manager)
    agents.set_status(agent, "suspended", by=agent.user, at=NOON, until=TWO)

    assert write() == (other_agent, "Ming is suspended until 14:00; the deputy Lan has it")

    row = InquiryRouting.objects.get()
    assert (row.reason, row.passed_over, row.passed_reason, row.passed_until, row.deputy, row.by, row.at) == (
        "deputy",
        agent,
        "suspended",
        TWO,
        None,
        None,
        NOON,
    )


@pytest.mark.parametrize(
    ("approved", "starts", "ends"), [(False, -1, 1), (True, 1, 2)], ids=["not approved", "not begun"]
)
def test_deputy_receives_within_approved_dates_only(write, agent, other_agent, manager, lead, approved, starts, ends):
    CustomerFactory(nick="willow", agent=agent)
    colleague = AgentFactory(display_name="Yue")
    InquiryFactory(agent=other_agent)
    put(agent, status="offline")
    dates = {"starts_at": NOON + timedelta(days=starts), "ends_at": NOON + timedelta(days=ends)}
    deputies.propose(agent, deputy=other_agent, **dates, by=manager if approved else lead, at=NOON)

    assert write() == (colleague, "Ming is offline; Yue, the least busy agent online, has it")


def test_deputy_who_is_away_too_is_named(write, agent, other_agent, manager):
    CustomerFactory(nick="willow", agent=agent)
    approve(agent, other_agent, manager)
    put(agent, capacity=1)
    InquiryFactory(agent=agent)
    put(other_agent, status="suspended")
    colleague = AgentFactory(display_name="Yue")

    assert write() == (
        colleague,
        "Ming has no room; the deputy Lan is suspended; Yue, the least busy agent online, has it",
    )
    assert Inquiry.objects.get(agent=colleague).routed_reason == "exclusive_full"


def test_agents_at_capacity_get_nothing_and_the_leads_hear_of_who_waits(write, agent, lead, manager):
    put(agent, capacity=1)

    assert write("willow")[0] == agent
    assert write("maple") == (None, "no agent online can take it, so it waits where a lead sees it")

    waiting = Inquiry.objects.waiting().get()
    assert waiting.routed_reason == "nobody_free"
    news = Notification.objects.order_by("user__username")
    assert [(row.user, row.kind, told(row), row.url) for row in news] == [
        (who, "inquiry_waiting", f"Inquiry #{waiting.pk} waits: no agent can take it.", waiting.get_absolute_url())
        for who in (lead, manager)
    ]


def test_closing_an_inquiry_gives_the_place_to_ones_own_customer_first_then_the_oldest(agent, lead):
    put(agent, capacity=2)
    running = [InquiryFactory(agent=agent), InquiryFactory(agent=agent)]
    old = InquiryFactory(opened_at=NOON - timedelta(hours=2))
    own = InquiryFactory(customer=CustomerFactory(agent=agent), opened_at=NOON)
    new = InquiryFactory(opened_at=NOON - timedelta(hours=1))

    taken = []
    for inquiry in (*running, own):
        inquiries.close(inquiry, by=lead, at=LATER)
        taken.append(set(Inquiry.objects.running().filter(agent=agent).values_list("pk", flat=True)))

    assert taken == [{running[1].pk, own.pk}, {own.pk, old.pk}, {old.pk, new.pk}]


def test_closed_inquiry_goes_on_with_a_colleague_where_its_agent_has_no_room_now(write, agent, other_agent, lead):
    put(other_agent, status="offline")
    write()
    inquiry = Inquiry.objects.get()
    inquiries.close(inquiry, by=agent.user, at=NOON)
    put(agent, capacity=1)
    put(other_agent, status="online")
    InquiryFactory(agent=agent)

    assert write(at=LATER)[0] == other_agent


def test_suspension_is_over_at_its_planned_end_by_itself(write, agent, other_agent):
    CustomerFactory(nick="willow", agent=agent)
    agents.set_status(agent, "suspended", by=agent.user, at=NOON, until=TWO)

    assert agent.status_at(TWO - timedelta(seconds=1)) == "suspended"
    assert agent.status_at(TWO) == "online"
    assert write(at=TWO)[0] == agent


def test_offline_agent_does_not_come_back_by_himself(write, agent):
    CustomerFactory(nick="willow", agent=agent)
    agents.set_status(agent, "offline", by=agent.user, at=NOON, until=TWO)

    assert write(at=NOON) == (None, "Ming is offline until 14:00; no agent is online, so it waits where a lead sees it")
    assert write(nick="maple", at=TWO)[0] is None


def test_agent_who_suspends_himself_at_two_is_back_when_one_is_closed(write, agent, lead):
    put(agent, suspend_at=2)

    write("willow")
    write("maple")
    suspended = Agent.objects.get(pk=agent.pk)
    nobody = write("oak")
    inquiries.close(Inquiry.objects.filter(agent=agent).first(), by=lead, at=LATER)

    assert (suspended.status, suspended.status_cause) == ("suspended", "full")
    assert nobody == (None, "no agent is online, so it waits where a lead sees it")
    assert list(agent.status_changes.order_by("pk").values_list("status", "cause", "by", "at")) == [
        ("suspended", "full", None, NOON),
        ("online", "freed", None, LATER),
        ("suspended", "full", None, LATER),
    ]
    assert Inquiry.objects.waiting().count() == 0


def test_muted_customer_is_received_by_others_also_when_banned(write, agent, other_agent):
    customer = CustomerFactory(nick="willow", agent=agent)
    mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=NOON)

    assert write() == (other_agent, "Ming does not receive this customer; Lan, the least busy agent online, has it")
    assert write(nick="maple")[0] == agent


def test_muted_customer_waits_where_everybody_muted_him_and_is_never_lost(write, agent):
    customer = CustomerFactory(nick="willow", agent=agent)
    row = mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=NOON)

    assert write() == (
        None,
        "Ming does not receive this customer; no agent online can take it, so it waits where a lead sees it",
    )
    mutes.unmute(row, by=agent.user, at=LATER)
    assert Inquiry.objects.get().agent == agent


def test_who_gave_transferred_or_took_an_inquiry_is_named(write, agent, other_agent, lead):
    Agent.objects.filter(pk=other_agent.pk).update(status="suspended")
    write()
    inquiry = Inquiry.objects.get()
    lead_agent = AgentFactory(user=lead, display_name="Lead", status="offline")
    Agent.objects.filter(pk=other_agent.pk).update(status="online")

    told = []
    for by, whom in ((agent.user, other_agent), (lead, agent), (lead, lead_agent)):
        inquiries.give(inquiry, agent=whom, by=by, at=LATER)
        told.append(sentence(inquiry.routings.last()))

    assert told == ["ming transferred it to Lan", "lead gave it to Ming", "Lead took it"]


@pytest.mark.django_db(transaction=True)
def test_fifty_buyers_in_parallel_overrun_no_capacity_and_each_has_one_owner_or_waits():
    source = SourceFactory()
    team = AgentFactory.create_batch(3, capacity=10)
    start = threading.Barrier(50)

    def write(number):
        start.wait(timeout=20)
        buyer = Identity(source_id=source.pk, nick=f"buyer-{number}")
        inquiries.receive(buyer, source=source, text="Hello", at=NOON)

    with Parallel() as side:
        for number in range(50):
            side.start(write, number)

    loads = Agent.objects.with_running_inquiries().order_by("pk").values_list("running_count", flat=True)
    assert (list(loads), len(team)) == ([10, 10, 10], 3)
    assert (Inquiry.objects.count(), Inquiry.objects.waiting().count()) == (50, 20)
    assert InquiryRouting.objects.count() == 50


def test_newcomer_does_not_overtake_whoever_waits(write, agent):
    put(agent, capacity=1)
    agents.set_status(agent, "suspended", by=agent.user, at=NOON, until=LATER)
    write("first")

    has_second, _why = write("second", at=LATER)

    first = Inquiry.objects.get(customer__accounts__nick="first")
    assert (first.agent, has_second) == (agent, None)

"""Reception: which agent an inquiry reaches, and who answers it."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError

from customers.identity import Identity
from customers.models import (
    Account,
    Agent,
    Binding,
    Customer,
    Event,
    Inquiry,
    InquiryMessage,
    InquiryNote,
    Notification,
)
from customers.services import inquiries
from customers.services.agents import MayNotSetStatus, set_status
from customers.services.inquiries import InquiryClosed, MayNotAnswer
from customers.signals import message_answered
from tests.factories import (
    NOON,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    InquiryFactory,
    SourceFactory,
    UserFactory,
)
from tests.parallel import Parallel

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def write(db):
    """A buyer writes; returns who has his inquiry, its state and why, and whether it is a new one."""

    def _write(nick="willow", at=NOON, text="Hello"):
        source = SourceFactory()
        reception = inquiries.receive(Identity(source_id=source.pk, nick=nick), source=source, text=text, at=at)
        inquiry = Inquiry.objects.get(pk=reception.inquiry.pk)
        return inquiry.agent, inquiry.state, inquiry.routed_reason, reception.created

    return _write


def put(agent, status):
    Agent.objects.filter(pk=agent.pk).update(status=status)


def said():
    return list(InquiryMessage.objects.order_by("pk").values_list("author", "user", "text", "at"))


def test_inquiry_reaches_the_exclusive_agent(write, agent, other_agent):
    InquiryFactory(agent=agent)
    customer = CustomerFactory(nick="willow", agent=agent)

    assert write() == (agent, "new", "exclusive", True)

    assert said() == [("buyer", None, "Hello", NOON)]
    inquiry = customer.inquiries.get()
    assert (inquiry.opened_at, inquiry.last_message_at, inquiry.first_reply_at) == (NOON, NOON, None)
    assert list(Event.objects.values_list("verb", "by", "reason", "rows__row_id")) == [
        ("inquiry.routed", None, "exclusive", inquiry.pk)
    ]


def test_banned_buyer_is_served_like_any_other(write, agent):
    BanFactory(customer=CustomerFactory(nick="willow", agent=agent))

    assert write() == (agent, "new", "exclusive", True)


def test_unknown_buyer_is_kept_and_reaches_the_least_busy_agent_online(write, agent, other_agent):
    InquiryFactory(agent=agent)
    InquiryFactory(agent=other_agent, state="closed", closed_at=NOON)
    AgentFactory(status="suspended")
    AgentFactory(is_active=False)
    AgentFactory(user__is_active=False)

    assert write() == (other_agent, "new", "unbound", True)
    assert write("maple") == (agent, "new", "unbound", True)

    assert set(Account.objects.values_list("nick", flat=True)) == {"willow", "maple"}


def test_masked_buyer_is_nobody(db):
    source = SourceFactory()
    buyer = Identity(source_id=source.pk, nick="w***w")

    assert inquiries.receive(buyer, source=source, text="Hello", at=NOON) is None
    assert (Inquiry.objects.count(), Customer.objects.count()) == (0, 0)


@pytest.mark.parametrize("status", ["suspended", "offline"])
def test_agent_who_is_away_gets_nothing_new(write, agent, other_agent, status):
    customer = CustomerFactory(nick="willow", agent=agent)
    put(agent, status)

    assert write() == (other_agent, "new", f"exclusive_{status}", True)

    customer.refresh_from_db()
    assert customer.agent == agent


def test_inquiry_waits_where_nobody_is_online(write, agent):
    CustomerFactory(nick="willow", agent=agent)
    put(agent, "suspended")

    assert write() == (None, "waiting", "nobody_online", True)


def test_running_inquiry_stays_with_its_agent_until_he_is_offline(write, agent, other_agent):
    assert write() == (agent, "new", "unbound", True)

    assert write(at=LATER) == (agent, "new", "unbound", False)
    put(agent, "suspended")
    assert write() == (agent, "new", "unbound", False)
    put(agent, "offline")
    assert write() == (other_agent, "new", "unbound", False)
    put(other_agent, "offline")
    assert write() == (None, "waiting", "nobody_online", False)
    put(agent, "online")
    assert write() == (agent, "new", "unbound", False)

    assert Inquiry.objects.count() == 1
    reasons = list(Event.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons == ["unbound", "unbound", "nobody_online", "unbound"]


def test_closed_inquiry_goes_on_within_a_day_and_not_after_it(write, agent):
    write()
    inquiry = Inquiry.objects.get()
    inquiries.answer(inquiry, text="Yes?", by=agent.user, at=NOON)
    inquiries.close(inquiry, by=agent.user, at=NOON)

    assert write(at=NOON + timedelta(hours=24, seconds=-1)) == (agent, "open", "unbound", False)
    inquiry.refresh_from_db()
    assert inquiry.closed_at is None

    inquiries.close(inquiry, by=agent.user, at=NOON)
    assert write(at=NOON + timedelta(hours=24)) == (agent, "new", "exclusive", True)
    assert Inquiry.objects.count() == 2


def test_first_answer_binds_an_unbound_customer(write, agent, other_agent, lead):
    write()
    inquiry = Inquiry.objects.get()

    inquiries.answer(inquiry, text="Yes?", by=agent.user, at=LATER)

    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.first_reply_at, inquiry.last_message_at) == ("open", LATER, LATER)
    assert said()[1:] == [("agent", agent.user.pk, "Yes?", LATER)]
    assert inquiry.customer.agent == agent
    inquiries.give(inquiry, agent=other_agent, by=lead, at=LATER)
    inquiries.answer(inquiry, text="Here", by=other_agent.user, at=LATER + timedelta(hours=1))
    inquiry.refresh_from_db()
    assert (inquiry.first_reply_at, inquiry.customer.agent) == (LATER, agent)
    assert list(Binding.objects.values_list("agent", "by", "started_at")) == [(agent.pk, agent.user.pk, LATER)]


def test_first_answer_binds_nobody_where_the_shop_does_not_want_it(write, agent, settings):
    settings.BIND_ON_FIRST_ANSWER = False
    write()

    inquiries.answer(Inquiry.objects.get(), text="Yes?", by=agent.user, at=LATER)

    assert Customer.objects.get().agent is None


def test_only_its_agent_or_a_lead_answers_and_closes(write, agent, other_agent, lead, manager):
    write()
    inquiry = Inquiry.objects.get()

    for user in (other_agent.user, UserFactory()):
        with pytest.raises(MayNotAnswer):
            inquiries.answer(inquiry, text="Mine", by=user, at=LATER)
        with pytest.raises(MayNotAnswer):
            inquiries.close(inquiry, by=user, at=LATER)
    for user in (agent.user, lead, manager):
        inquiries.answer(inquiry, text="Yes?", by=user, at=LATER)
    inquiries.close(inquiry, by=lead, at=LATER)
    inquiries.close(inquiry, by=lead, at=LATER + timedelta(hours=1))

    assert (inquiry.state, inquiry.closed_at) == ("closed", LATER)
    with pytest.raises(InquiryClosed):
        inquiries.answer(inquiry, text="One more", by=agent.user, at=LATER)


def test_lead_without_customers_of_his_own_answers_a_waiting_inquiry_and_it_waits_on(write, lead):
    write()
    inquiry = Inquiry.objects.get()

    inquiries.answer(inquiry, text="A moment", by=lead, at=LATER)

    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.agent, inquiry.first_reply_at) == ("waiting", None, LATER)
    assert inquiry.customer.agent is None


def test_lead_gives_a_waiting_inquiry_to_an_agent(write, agent, other_agent, lead):
    for one in (agent, other_agent):
        put(one, "offline")
    write()
    inquiry = Inquiry.objects.get()

    with pytest.raises(MayNotAnswer):
        inquiries.give(inquiry, agent=agent, by=agent.user, at=LATER)
    inquiries.give(inquiry, agent=other_agent, by=lead, at=LATER)

    inquiry.refresh_from_db()
    assert (inquiry.agent, inquiry.state, inquiry.routed_reason) == (other_agent, "new", "given")
    last = Event.objects.order_by("-pk")[0]
    assert (last.verb, last.by, last.reason) == ("inquiry.routed", lead, "given")


def test_agent_sets_his_own_status_and_a_lead_anybodys(agent, other_agent, lead):
    set_status(agent, Agent.Status.SUSPENDED, by=agent.user, at=NOON)
    set_status(agent, Agent.Status.SUSPENDED, by=agent.user, at=NOON)
    set_status(agent, Agent.Status.OFFLINE, by=lead, at=LATER)
    with pytest.raises(MayNotSetStatus):
        set_status(agent, Agent.Status.ONLINE, by=other_agent.user, at=LATER)

    agent.refresh_from_db()
    assert agent.status == "offline"
    assert list(Event.objects.order_by("pk").values_list("verb", "by", "at", "reason", "rows__row_id")) == [
        ("agent.status_set", agent.user.pk, NOON, "suspended", agent.pk),
        ("agent.status_set", lead.pk, LATER, "offline", agent.pk),
    ]


def test_agent_who_comes_online_gets_the_waiting_inquiries_of_his_customers(agent, other_agent):
    put(agent, "offline")
    his = InquiryFactory(customer=CustomerFactory(agent=agent))
    answered = InquiryFactory(customer=CustomerFactory(agent=agent), first_reply_at=NOON)
    colleagues = InquiryFactory(customer=CustomerFactory(agent=other_agent))
    free = InquiryFactory()

    set_status(agent, Agent.Status.SUSPENDED, by=agent.user, at=NOON)
    assert not Inquiry.objects.filter(agent=agent).exists()
    set_status(agent, Agent.Status.ONLINE, by=agent.user, at=NOON)

    assert set(Inquiry.objects.filter(agent=agent).values_list("pk", "state", "routed_reason")) == {
        (his.pk, "new", "exclusive"),
        (answered.pk, "open", "exclusive"),
    }
    assert set(Inquiry.objects.filter(agent=other_agent).values_list("pk", "routed_reason")) == {
        (colleagues.pk, "exclusive"),
        (free.pk, "unbound"),
    }


def test_database_refuses_a_second_running_inquiry(agent):
    customer = CustomerFactory()
    InquiryFactory(customer=customer, agent=agent, state="closed", closed_at=NOON)
    InquiryFactory(customer=customer, agent=agent)

    with pytest.raises(IntegrityError, match=r"inquiry_one_running|customers_inquiry.customer_id"):
        InquiryFactory(customer=customer)


@pytest.mark.django_db(transaction=True)
def test_one_buyer_who_writes_in_parallel_has_one_inquiry_with_one_owner():
    source = SourceFactory()
    AgentFactory.create_batch(3)
    created, start = [], threading.Barrier(8)

    def write(number):
        start.wait(timeout=10)
        for count in range(3):
            buyer = Identity(source_id=source.pk, phone="13800138000")
            reception = inquiries.receive(buyer, source=source, text=f"{number}-{count}", at=NOON)
            created.append(reception.created)

    with Parallel() as side:
        for number in range(8):
            side.start(write, number)

    assert sorted(created) == [False] * 23 + [True]
    assert (Customer.objects.count(), Inquiry.objects.count(), InquiryMessage.objects.count()) == (1, 1, 24)
    assert Inquiry.objects.get().agent is not None


@pytest.mark.django_db(transaction=True)
def test_many_buyers_in_parallel_are_shared_evenly():
    source = SourceFactory()
    AgentFactory.create_batch(4)
    start = threading.Barrier(8)

    def write(number):
        start.wait(timeout=10)
        for count in range(5):
            buyer = Identity(source_id=source.pk, nick=f"buyer-{number}-{count}")
            inquiries.receive(buyer, source=source, text="Hello", at=NOON)

    with Parallel() as side:
        for number in range(8):
            side.start(write, number)

    running = Agent.objects.with_running_inquiries().order_by("pk").values_list("running_count", flat=True)
    assert list(running) == [10, 10, 10, 10]


def test_answer_is_told_upwards_and_a_buyers_message_is_not(write, agent):
    told = []

    def hear(sender, message, **kwargs):
        told.append((message.author, message.text))

    message_answered.connect(hear)
    write()
    inquiries.answer(Inquiry.objects.get(), text="Hello, too", by=agent.user, at=LATER)
    message_answered.disconnect(hear)

    assert told == [("agent", "Hello, too")]


def test_buyer_waits_from_his_first_unanswered_message_until_a_person_answers(write, agent):
    def waiting():
        return list(Inquiry.objects.unanswered().values_list("waiting_since", flat=True))

    write()
    write(at=LATER)
    assert waiting() == [NOON]
    inquiries.answer(Inquiry.objects.get(), text="Yes?", by=agent.user, at=LATER)
    assert waiting() == []
    write(at=LATER)
    assert waiting() == [LATER]
    inquiries.close(Inquiry.objects.get(), by=agent.user, at=LATER, result="spam")
    assert waiting() == []
    write(at=LATER)
    assert waiting() == [LATER]
    assert Inquiry.objects.get().result == ""


def test_agent_transfers_his_inquiry_to_a_colleague_who_is_online_with_a_note(write, agent, other_agent):
    CustomerFactory(nick="willow", agent=agent)
    write()
    inquiry = Inquiry.objects.get()
    put(other_agent, "suspended")
    with pytest.raises(MayNotAnswer, match="Lan cannot take this inquiry now"):
        inquiries.give(inquiry, agent=other_agent, by=agent.user, at=LATER, note="Knows the sizes")
    put(other_agent, "online")

    inquiries.give(inquiry, agent=other_agent, by=agent.user, at=LATER, note="Knows the sizes")
    inquiries.give(inquiry, agent=other_agent, by=other_agent.user, at=LATER)

    inquiry.refresh_from_db()
    assert (inquiry.agent, inquiry.routed_reason, inquiry.waiting_since) == (other_agent, "transferred", NOON)
    assert inquiry.customer.agent == agent
    assert list(InquiryNote.objects.values_list("kind", "by", "to_agent", "text")) == [
        ("transfer", agent.user.pk, other_agent.pk, "Knows the sizes")
    ]
    told = Notification.objects.get()
    assert (told.user, told.kind, "sizes" in str(told.parameters)) == (other_agent.user, "inquiry_transferred", False)


def test_note_of_a_transfer_is_for_the_new_agent_his_sender_and_leads(write, agent, other_agent, lead):
    write()
    inquiry = Inquiry.objects.get()
    inquiries.give(inquiry, agent=other_agent, by=agent.user, at=LATER, note="Knows the sizes")
    inquiries.note(inquiry, text="Wants an invoice", by=other_agent.user, at=LATER)
    third = AgentFactory().user

    seen = {
        user: list(InquiryNote.objects.visible_to(user).order_by("pk").values_list("text", flat=True))
        for user in (agent.user, other_agent.user, lead, third)
    }

    both = ["Knows the sizes", "Wants an invoice"]
    assert seen == {agent.user: both, other_agent.user: both, lead: both, third: ["Wants an invoice"]}
    with pytest.raises(MayNotAnswer):
        inquiries.note(inquiry, text="No", by=third, at=LATER)


def test_result_of_an_inquiry_is_kept_when_it_goes_on(write, agent):
    write()
    inquiry = Inquiry.objects.get()

    inquiries.close(inquiry, by=agent.user, at=LATER, result="ordered", note="Bought two")
    assert inquiry.result == "ordered"
    write(at=LATER)

    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.result) == ("new", "")
    assert list(InquiryNote.objects.values_list("kind", "result", "text")) == [("result", "ordered", "Bought two")]


def test_answer_with_the_same_key_is_sent_once(write, agent):
    write()
    inquiry, key = Inquiry.objects.get(), uuid.uuid4()

    first = inquiries.answer(inquiry, text="Yes", by=agent.user, at=LATER, send_key=key)
    again = inquiries.answer(inquiry, text="Yes", by=agent.user, at=LATER, send_key=key)

    assert (first, len(said())) == (again, 2)

"""Inquiries and the agent's status in the panel."""

import pytest
from django.urls import reverse

from customers.models import Agent, Event, Inquiry, InquiryMessage
from tests.factories import BanFactory, CustomerFactory, InquiryFactory, UserFactory

LIST = reverse("admin:customers_inquiry_changelist")
STATUS = reverse("admin:customers_agent_own_status")


def door(name, inquiry):
    return reverse(f"admin:customers_inquiry_{name}", args=[inquiry.pk])


def listed(client, address=LIST):
    return {inquiry.pk for inquiry in client.get(address).context["cl"].result_list}


@pytest.fixture
def inquiry(agent):
    return InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))


def test_agent_sees_his_own_and_his_customers_inquiries_a_lead_all(sign_in, agent, other_agent, lead, inquiry):
    his_customers = InquiryFactory(customer=CustomerFactory(agent=agent), agent=other_agent)
    foreign = InquiryFactory(agent=other_agent)
    waiting = InquiryFactory()

    assert listed(sign_in(agent.user)) == {inquiry.pk, his_customers.pk}
    assert listed(sign_in(lead)) == {inquiry.pk, his_customers.pk, foreign.pk, waiting.pk}


def test_quick_choices_show_mine_and_those_who_wait(sign_in, agent, inquiry):
    InquiryFactory(agent=agent, state="closed", closed_at="2026-03-06T00:00Z")
    waiting = InquiryFactory(customer=CustomerFactory(agent=agent))
    client = sign_in(agent.user)

    chips = client.get(LIST).context["cl"].chips

    assert [chip.label for chip in chips] == ["All inquiries", "My running inquiries", "Waiting for an agent"]
    assert [chip.is_on for chip in chips] == [True, False, False]
    assert [listed(client, LIST + chip.query) for chip in chips[1:]] == [{inquiry.pk}, {waiting.pk}]
    assert client.get(LIST + chips[1].query).context["cl"].chips[1].is_on


def test_page_shows_the_conversation_and_the_ban(sign_in, agent, inquiry):
    BanFactory(customer=inquiry.customer)
    InquiryMessage.objects.create(inquiry=inquiry, author="buyer", text="<b>Hello</b>", at=inquiry.opened_at)

    page = sign_in(agent.user).get(inquiry.get_absolute_url()).text

    assert ("willow" in page, "is-danger" in page, "&lt;b&gt;Hello&lt;/b&gt;" in page) == (True, True, True)
    assert (door("answer", inquiry) in page, door("give", inquiry) in page) == (True, False)


def test_answer_and_close_go_through_the_service(sign_in, agent, inquiry):
    client = sign_in(agent.user)

    empty = client.post(door("answer", inquiry), {"text": " "})
    answered = client.post(door("answer", inquiry), {"text": "Yes."})
    closed = client.post(door("close", inquiry))
    late = client.post(door("answer", inquiry), {"text": "One more"}, follow=True)

    assert (empty.status_code, answered.url, closed.url) == (200, inquiry.get_absolute_url(), LIST)
    assert [str(message) for message in late.context["messages"]][-1] == "This inquiry is closed."
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.customer.agent) == ("closed", agent)
    assert list(InquiryMessage.objects.values_list("author", "user", "text")) == [("agent", agent.user.pk, "Yes.")]


def test_agent_who_may_only_look_is_told_who_answers(sign_in, agent, other_agent):
    looked_at = InquiryFactory(customer=CustomerFactory(agent=agent), agent=other_agent)
    client = sign_in(agent.user)

    page = client.get(looked_at.get_absolute_url()).text
    tries = [
        client.post(door(name, looked_at), {"text": "x", "agent": agent.pk}) for name in ("answer", "close", "give")
    ]

    assert "Only Lan, a lead or a manager may answer and close this inquiry." in page
    assert door("answer", looked_at) not in page
    assert [answer.status_code for answer in tries] == [403, 403, 403]


def test_inquiry_of_others_is_not_there(sign_in, agent, other_agent):
    foreign = InquiryFactory(agent=other_agent)
    client = sign_in(agent.user)

    assert client.get(foreign.get_absolute_url()).status_code == 404
    assert client.post(door("close", foreign)).status_code == 404
    assert sign_in(UserFactory()).get(foreign.get_absolute_url()).status_code == 403
    assert Inquiry.objects.get().state == "new"


def test_lead_gives_a_waiting_inquiry_to_an_agent(sign_in, agent, lead):
    waiting = InquiryFactory()
    client = sign_in(lead)

    nobody = client.post(door("give", waiting), {"agent": ""}, follow=True)
    client.post(door("give", waiting), {"agent": agent.pk})

    assert [str(message) for message in nobody.context["messages"]] == ["Choose the agent who shall answer."]
    waiting.refresh_from_db()
    assert (waiting.agent, waiting.state, waiting.routed_reason) == (agent, "new", "given")


def test_inquiry_list_and_page_take_as_many_queries_for_3_as_for_1(sign_in, lead, agent, inquiry, count_queries):
    def say():
        InquiryMessage.objects.create(
            inquiry=inquiry, author="agent", user=agent.user, text="Yes.", at=inquiry.opened_at
        )

    client, page = sign_in(lead), inquiry.get_absolute_url()
    say()
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST)), count_queries(lambda: client.get(page))
    InquiryFactory(agent=agent)
    InquiryFactory()
    say()
    say()

    assert (count_queries(lambda: client.get(LIST)), count_queries(lambda: client.get(page))) == one


def test_every_page_lets_an_agent_set_his_status_and_takes_him_back(sign_in, agent, lead):
    client = sign_in(agent.user)
    products = "/admin/customers/product/?q=tea"

    page = client.get(products).text
    answer = client.post(STATUS, {"status": "suspended", "next": products})

    assert f'action="{STATUS}"' in page
    assert 'name="next" value="/admin/customers/product/?q=tea"' in page
    assert answer.url == products
    agent.refresh_from_db()
    assert agent.status == "suspended"
    assert list(Event.objects.values_list("verb", "by", "reason")) == [("agent.status_set", agent.user.pk, "suspended")]
    assert STATUS not in sign_in(lead).get(products).text


@pytest.mark.parametrize(
    ("status", "next_page"), [("asleep", "https://evil.example/"), ("", "//evil.example"), ("offline", "/\\evil")]
)
def test_status_form_goes_to_no_other_site_and_knows_three_states(sign_in, agent, status, next_page):
    answer = sign_in(agent.user).post(STATUS, {"status": status, "next": next_page})

    assert answer.url == "/admin/"
    agent.refresh_from_db()
    assert agent.status == ("offline" if status == "offline" else "online")


def test_status_needs_an_agent_and_a_post(sign_in, agent, lead):
    assert sign_in(lead).post(STATUS, {"status": "online"}).status_code == 404
    assert sign_in(agent.user).get(STATUS).status_code == 405


def test_lead_sets_the_status_of_any_agent_on_his_page_with_one_event(sign_in, agent, lead):
    door = reverse("admin:customers_agent_status", args=[agent.pk])

    assert sign_in(lead).post(door, {"status": "offline"}).status_code == 302

    assert Agent.objects.get(pk=agent.pk).status == "offline"
    assert list(Event.objects.values_list("verb", "by")) == [("agent.status_set", lead.pk)]

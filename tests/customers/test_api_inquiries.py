"""Inquiries and agents, over HTTP."""

from datetime import timedelta

import pytest
from django.utils.dateparse import parse_datetime

from customers.models import Agent, ContactValue, Customer, Inquiry, InquiryMessage
from customers.services.agents import set_status
from tests.factories import BanFactory, CustomerFactory, InquiryFactory, SourceFactory, UserFactory

PATH = "/api/v1/inquiries/"
AGENTS = "/api/v1/agents/"


@pytest.fixture
def shop(key_client):
    """The storefront's key: it speaks for buyers."""
    return key_client("inquiries:write", "inquiries:read", "agents:read", "agents:write")


def test_inquiry_is_routed_and_answered_with_its_agent(shop, agent):
    first = shop.post(PATH, {"nick": "willow", "text": "Hello"})
    again = shop.post(PATH, {"nick": "willow", "text": "Anybody?", "source": "own"})

    inquiry, customer = Inquiry.objects.get(), Customer.objects.get()
    body = first.json()
    moment = body.pop("opened_at")
    assert (first.status_code, body) == (
        201,
        {
            "id": inquiry.pk,
            "customer": customer.pk,
            "source": "own",
            "agent": {"id": agent.pk, "display_name": "Ming", "status": "online"},
            "state": "new",
            "routed_reason": "unbound",
            "first_reply_at": None,
            "closed_at": None,
            "last_message_at": moment,
            "waiting_since": moment,
            "result": "",
            "rating": None,
        },
    )
    assert (again.status_code, again.json()["id"]) == (200, inquiry.pk)
    said = shop.get(f"{PATH}{inquiry.pk}/messages/").json()["results"]
    assert [(row["author"], row["user"], row["text"]) for row in said] == [
        ("buyer", None, "Anybody?"),
        ("buyer", None, "Hello"),
    ]


@pytest.mark.parametrize(
    "named", [{"nick": "willow"}, {"external_id": "willow"}, {"phone": "13800138000"}, {"email": "A@Example.com"}]
)
def test_banned_buyer_reaches_his_agent_by_each_identifier(shop, agent, named):
    customer = CustomerFactory(nick="willow", phone="13800138000", email="a@example.com", agent=agent)
    BanFactory(customer=customer)

    answer = shop.post(PATH, {**named, "text": "Why?"})

    told = answer.json()
    assert (answer.status_code, told["customer"], told["agent"]["id"]) == (201, customer.pk, agent.pk)


def test_inquiry_waits_where_no_agent_is_online(shop):
    told = shop.post(PATH, {"nick": "willow", "text": "Hello"}).json()

    assert (told["agent"], told["state"], told["routed_reason"]) == (None, "waiting", "nobody_online")


@pytest.mark.parametrize(
    "body",
    [
        {"text": "Hello"},
        {"nick": "", "text": "Hello"},
        {"nick": "w***w", "text": "Hello"},
        {"phone": "12", "text": "Hello"},
        {"address": "Somewhere 1", "text": "Hello"},
        {"nick": "willow"},
        {"nick": "willow", "text": " "},
        {"nick": "willow", "text": "a\0b"},
        {"nick": "willow", "text": "x" * 4001},
        {"nick": "willow", "text": ["Hello"]},
        {"nick": "willow", "text": "Hello", "agent": 1},
        [],
    ],
)
def test_body_that_names_nobody_or_says_nothing_is_refused(shop, body):
    assert shop.post(PATH, body).status_code == 400
    assert (Inquiry.objects.count(), Customer.objects.count()) == (0, 0)


def test_buyer_goes_on_and_the_agent_answers_and_closes(shop, sign_in, agent):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))
    path = f"{PATH}{inquiry.pk}/"
    staff = sign_in(agent.user)

    further = shop.post(f"{path}messages/", {"text": "And in grey?"})
    answer = staff.post(f"{path}messages/", {"text": "Yes."}, content_type="application/json")
    closed = staff.post(f"{path}close/", content_type="application/json")
    late = staff.post(f"{path}messages/", {"text": "Bye."}, content_type="application/json")

    assert (further.status_code, further.json()["author"], further.json()["user"]) == (201, "buyer", None)
    assert (answer.status_code, answer.json()["author"], answer.json()["user"]) == (201, "agent", agent.user.pk)
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert (late.status_code, late.json()["code"]) == (409, "inquiry_closed")
    assert shop.post(f"{path}messages/", {"text": "Sorry, one more"}).status_code == 201
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.customer.agent) == ("open", agent)


def test_key_that_names_an_agent_answers_in_his_name(key_client, agent):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))
    desk = key_client("inquiries:write", user=agent.user)

    answer = desk.post(f"{PATH}{inquiry.pk}/messages/", {"text": "Yes."})

    assert (answer.status_code, answer.json()["user"]) == (201, agent.user.pk)


def test_message_to_an_inquiry_closed_long_ago_asks_for_a_new_one(shop, agent):
    customer = CustomerFactory(nick="willow")
    old = InquiryFactory(customer=customer, agent=agent, state="closed", closed_at="2026-03-06T00:00Z")

    answer = shop.post(f"{PATH}{old.pk}/messages/", {"text": "Hello again"})

    assert (answer.status_code, answer.json()["code"]) == (409, "inquiry_closed")
    assert not InquiryMessage.objects.exists()


def test_colleagues_inquiry_is_missing_one_of_his_customer_may_be_read_only(sign_in, agent, other_agent, lead):
    foreign = InquiryFactory(agent=other_agent)
    customers = InquiryFactory(agent=other_agent, customer=CustomerFactory(agent=agent))
    client = sign_in(agent.user)

    def tries(inquiry):
        path = f"{PATH}{inquiry.pk}/"
        say = client.post(f"{path}messages/", {"text": "Mine"}, content_type="application/json")
        return (
            client.get(path).status_code,
            say.status_code,
            client.post(f"{path}close/", content_type="application/json").status_code,
        )

    assert (tries(foreign), tries(customers)) == ((404, 404, 404), (200, 403, 403))
    assert client.post(f"{PATH}{customers.pk}/close/", content_type="application/json").json()["detail"] == (
        "Only Lan, a lead or a manager may answer and close this inquiry."
    )
    sign_in(lead)
    assert (tries(foreign)[0], tries(customers)) == (200, (200, 201, 200))


def test_key_sees_its_own_source_and_closes_in_somebodys_name_only(shop, agent):
    foreign = InquiryFactory(agent=agent, source=SourceFactory(code="taobao"))
    own = InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))

    assert [row["id"] for row in shop.get(PATH).json()["results"]] == [own.pk]
    assert shop.get(f"{PATH}{foreign.pk}/").status_code == 404
    refusal = shop.post(f"{PATH}{own.pk}/close/", content_type="application/json")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "key_without_user")


def test_inquiries_are_filtered_strictly(sign_in, lead, agent):
    new, waiting = InquiryFactory(agent=agent), InquiryFactory()
    client = sign_in(lead)

    def found(**query):
        answer = client.get(PATH, query)
        return [row["id"] for row in answer.json()["results"]] if answer.status_code == 200 else answer.status_code

    assert found() == [waiting.pk, new.pk]
    assert found(state="waiting") == found(agent="null") == found(customer=waiting.customer_id) == [waiting.pk]
    assert found(agent=agent.pk, source="own") == [new.pk]
    assert [found(state="lost"), found(agent=99), found(agents=1)] == [400, 400, 400]


def test_agents_are_listed_with_what_runs_with_them(shop, agent, other_agent, now):
    InquiryFactory(agent=agent)
    InquiryFactory(agent=agent, state="closed", closed_at="2026-03-06T00:00Z")
    Agent.objects.filter(pk=agent.pk).update(capacity=5)
    set_status(other_agent, "suspended", by=other_agent.user, at=now, reason="lunch", until=now + timedelta(hours=1))

    rows = shop.get(AGENTS).json()["results"]

    until = rows[0].pop("status_until")
    assert parse_datetime(until) == now + timedelta(hours=1)
    assert rows == [
        {
            "id": other_agent.pk,
            "display_name": "Lan",
            "status": "suspended",
            "status_reason": "lunch",
            "is_active": True,
            "capacity": None,
            "running_count": 0,
        },
        {
            "id": agent.pk,
            "display_name": "Ming",
            "status": "online",
            "status_reason": "",
            "status_until": None,
            "is_active": True,
            "capacity": 5,
            "running_count": 1,
        },
    ]


def test_status_is_set_with_reason_and_planned_end_in_the_future(sign_in, agent, now):
    client, path = sign_in(agent.user), f"{AGENTS}{agent.pk}/status/"

    def post(**body):
        return client.post(path, body, content_type="application/json")

    past = post(status="suspended", until=(now - timedelta(minutes=1)).isoformat())
    odd = post(status="suspended", until="soon", reason="x" * 101)
    told = post(status="suspended", reason="lunch", until=(now + timedelta(hours=1)).isoformat()).json()

    assert (past.status_code, [row["pointer"] for row in past.json()["errors"]]) == (400, ["/until"])
    assert [row["pointer"] for row in odd.json()["errors"]] == ["/reason", "/until"]
    assert (told["status"], told["status_reason"]) == ("suspended", "lunch")
    assert parse_datetime(told["status_until"]) == now + timedelta(hours=1)


def test_status_is_ones_own_or_a_leads_to_set(shop, sign_in, agent, other_agent, lead):
    def put(client, whom, status):
        path = f"{AGENTS}{whom.pk}/status/"
        return client.post(path, {"status": status}, content_type="application/json").status_code

    mine = sign_in(agent.user)
    assert [put(mine, agent, "suspended"), put(mine, other_agent, "offline"), put(mine, agent, "asleep")] == [
        200,
        403,
        400,
    ]
    assert put(sign_in(lead), other_agent, "offline") == 200
    assert put(sign_in(UserFactory()), agent, "offline") == 403
    assert shop.post(f"{AGENTS}{agent.pk}/status/", {"status": "online"}).status_code == 403
    assert dict(Agent.objects.values_list("display_name", "status")) == {"Ming": "suspended", "Lan": "offline"}


def test_inquiries_take_as_many_queries_for_three_as_for_one(shop, agent, count_queries):
    def add():
        InquiryFactory(agent=agent, customer=CustomerFactory(nick=f"nick-{Customer.objects.count()}"))

    add()
    shop.get(PATH)
    one = count_queries(lambda: shop.get(PATH))
    add()
    add()

    assert count_queries(lambda: shop.get(PATH)) == one
    assert len(shop.get(PATH).json()["results"]) == 3


def test_inquiry_tells_who_had_it_and_why(shop, agent, other_agent, now):
    CustomerFactory(nick="willow", agent=agent)
    set_status(agent, "suspended", by=agent.user, at=now, until=now + timedelta(days=1))
    pk = shop.post(PATH, {"nick": "willow", "text": "Hello"}).json()["id"]

    (row,) = shop.get(f"{PATH}{pk}/routings/").json()["results"]

    assert parse_datetime(row.pop("passed_until")) == now + timedelta(days=1)
    assert parse_datetime(row.pop("at")) >= now
    assert row.pop("why").startswith("Ming is suspended until ")
    assert row == {
        "agent": "Lan",
        "reason": "exclusive_suspended",
        "passed_over": "Ming",
        "passed_reason": "suspended",
        "deputy": None,
        "deputy_reason": "",
        "by": None,
    }


@pytest.mark.parametrize(("scope", "kept"), [("read", False), ("all", True)])
def test_whoever_may_not_change_a_customer_adds_nothing_to_him_by_an_inquiry(
    settings, key_client, agent, other_agent, scope, kept
):
    settings.AGENTS_SEE_CUSTOMERS = scope
    customer = CustomerFactory(nick="willow", phone="13800138000", agent=other_agent)
    client = key_client(user=agent.user)
    told = [
        {"nick": "willow", "email": "new@example.com"},
        {"nick": "another", "phone": "13800138000"},
        {"nick": "unknown", "email": "unknown@example.com"},
    ]

    answers = [client.post(PATH, {**buyer, "text": "Hello"}).json() for buyer in told]

    assert [answer["customer"] == customer.pk for answer in answers] == [True, True, False]
    assert (customer.contact_values.count(), customer.accounts.count()) == ((2, 2) if kept else (1, 1))
    assert ContactValue.objects.filter(value="unknown@example.com").exists()

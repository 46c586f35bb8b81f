"""Ban requests, and confirming bans of good customers, over HTTP."""

import pytest

from blocklist.models import Ban, BanRequest
from blocklist.services.ban_requests import propose_by_rule, request_ban
from blocklist.services.bans import ban_purchase
from tests.factories import AccountFactory, CustomerFactory, SourceFactory

REQUESTS = "/api/v1/ban-requests/"
BANS = "/api/v1/bans/"


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="xiaoming", agent=agent)


@pytest.fixture
def asked(customer, other_agent, now):
    return request_ban(customer, type="abuse", note="threats", by=other_agent.user, at=now)


def test_request_names_the_customer_by_id_or_identifier(key_client, other_agent, agent, customer):
    client = key_client("ban-requests:write", user=other_agent.user)

    first = client.post(REQUESTS, {"customer": customer.pk, "type": "abuse", "note": "threats", "days": 7})
    again = client.post(REQUESTS, {"nick": "xiaoming", "type": "abuse", "note": "more"})

    row = BanRequest.objects.get()
    assert (first.status_code, again.status_code) == (201, 200)
    assert {**first.json(), "created_at": None, "shown_at": None} == {
        "id": row.pk,
        "customer": customer.pk,
        "type": "abuse",
        "note": "threats",
        "days": 7,
        "by": "lan",
        "rule": "",
        "created_at": None,
        "state": "open",
        "shown_to": "ming",
        "shown_at": None,
        "is_overdue": False,
        "decided_at": None,
        "decided_by": None,
        "is_decided_alone": False,
        "reason": "",
        "ban": None,
    }
    assert again.json()["note"] == "threats\n\nlan: more"


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"type": "abuse"}, ""),
        ({"type": "abuse", "nick": "nobody"}, ""),
        ({"type": "abuse", "customer": 999}, "/customer"),
        ({"type": "abuse", "customer": 10**30}, "/customer"),
        ({"type": "abuse", "customer": 1, "nick": "xiaoming"}, "/customer"),
        ({"type": "ugly", "nick": "xiaoming"}, "/type"),
        ({"type": "abuse", "nick": "xiaoming", "days": 0}, "/days"),
        ({"type": "abuse", "nick": "xiaoming", "days": "soon"}, "/days"),
        ({"type": "abuse", "nick": "xiaoming", "colour": "red"}, "/colour"),
    ],
)
def test_a_bad_request_names_what_is_wrong(key_client, other_agent, customer, values, pointer):
    answer = key_client("ban-requests:write", user=other_agent.user).post(REQUESTS, values)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [pointer])
    assert not BanRequest.objects.exists()


def test_a_request_that_nobody_needs_conflicts(key_client, agent, other_agent, manager, customer, now):
    body = {"customer": customer.pk, "type": "abuse"}
    own = key_client(user=agent.user).post(REQUESTS, body)
    ban_purchase(customer, type="abuse", by=manager, at=now)
    banned = key_client(user=other_agent.user).post(REQUESTS, body)

    assert [(answer.status_code, answer.json()["code"]) for answer in (own, banned)] == [
        (409, "may_ban"),
        (409, "banned"),
    ]


def test_a_key_without_user_asks_and_decides_nothing(key_client, asked, customer):
    client = key_client()
    paths = [REQUESTS, *(f"{REQUESTS}{asked.pk}/{name}/" for name in ("approve", "decline", "withdraw"))]

    answers = [client.post(path, {"customer": customer.pk, "type": "abuse", "reason": "no"}) for path in paths]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "key_without_user")] * 4
    assert client.get(REQUESTS).json()["results"][0]["id"] == asked.pk


def test_scopes_are_asked_for(key_client, asked, agent):
    reader, writer = key_client("ban-requests:read", user=agent.user), key_client("bans:write", user=agent.user)

    answers = [
        reader.post(f"{REQUESTS}{asked.pk}/approve/"),
        writer.get(REQUESTS),
        writer.post(REQUESTS, {}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "scope_missing")] * 3


def test_the_exclusive_agent_approves(key_client, asked, agent):
    answer = key_client("ban-requests:write", user=agent.user).post(f"{REQUESTS}{asked.pk}/approve/")

    told = answer.json()
    assert (answer.status_code, told["state"], told["decided_by"], told["ban"]) == (
        200,
        "approved",
        "ming",
        Ban.objects.get().pk,
    )


def test_declining_takes_a_reason_and_what_is_decided_conflicts(key_client, asked, agent, manager):
    client = key_client(user=agent.user)

    without = client.post(f"{REQUESTS}{asked.pk}/decline/", {"reason": " "})
    done = client.post(f"{REQUESTS}{asked.pk}/decline/", {"reason": "he apologised"})
    late = key_client(user=manager).post(f"{REQUESTS}{asked.pk}/approve/")

    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (400, "/reason")
    assert (done.status_code, done.json()["state"], done.json()["reason"]) == (200, "declined", "he apologised")
    assert (late.status_code, late.json()["code"]) == (409, "not_open")
    assert not Ban.objects.exists()


def test_who_may_see_but_not_decide_reads_the_reason(key_client, asked, lead):
    client = key_client(user=lead)

    answers = [client.post(f"{REQUESTS}{asked.pk}/{name}/", body) for name, body in (("approve", {}), ("withdraw", {}))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "exclusive agent (Ming) or a manager may ban" in answers[0].json()["detail"]
    assert "Only who asked" in answers[1].json()["detail"]


def test_who_asked_withdraws(key_client, asked, other_agent):
    answer = key_client(user=other_agent.user).post(f"{REQUESTS}{asked.pk}/withdraw/")

    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")


def test_requests_about_customers_whom_one_does_not_see_are_missing(key_client, asked, other_agent, settings):
    foreign = key_client(source="taobao", user=other_agent.user)
    SourceFactory(code="taobao")

    answers = [
        foreign.get(f"{REQUESTS}{asked.pk}/"),
        foreign.post(f"{REQUESTS}{asked.pk}/withdraw/"),
        foreign.post(REQUESTS, {"customer": asked.customer_id, "type": "abuse"}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 400]
    assert foreign.get(REQUESTS).json()["results"] == []


def test_the_list_is_filtered_strictly(key_client, asked, other_agent, now):
    rule = propose_by_rule(AccountFactory().customer, rule="rule", type="competitor", at=now)
    client = key_client(user=other_agent.user)

    def found(**query):
        return [row["id"] for row in client.get(REQUESTS, query).json()["results"]]

    assert found() == [rule.pk, asked.pk]
    assert found(state="open", type="abuse") == found(mine="true") == found(customer=asked.customer_id) == [asked.pk]
    assert found(state="declined") == []
    wrong = [client.get(REQUESTS, query) for query in ({"state": "gone"}, {"customer": "x" * 5000}, {"who": "me"})]
    assert [answer.status_code for answer in wrong] == [400, 400, 400]


def test_the_list_takes_as_many_queries_for_3_as_for_1(key_client, manager, agent, lead, now, count_queries):
    client = key_client(user=manager)

    def ask():
        customer = AccountFactory(customer__agent=agent).customer
        request_ban(customer, type="abuse", by=lead, at=now)

    ask()
    client.get(REQUESTS)
    one = count_queries(lambda: client.get(REQUESTS))
    ask(), ask()

    assert count_queries(lambda: client.get(REQUESTS)) == one


def test_a_manager_confirms_the_ban_of_a_good_customer(key_client, agent, manager, now):
    vip = AccountFactory(customer__agent=agent, customer__level=3).customer
    ban = ban_purchase(vip, type="abuse", by=agent.user, at=now)
    path = f"{BANS}{ban.pk}/confirm/"

    refused = key_client(user=agent.user).post(path)
    done = key_client(user=manager).post(path)
    lifted = key_client(user=agent.user).post(f"/api/v1/customers/{vip.pk}/lift-ban/", {"reason": "we agreed"})

    assert (refused.status_code, refused.json()["detail"]) == (403, "A manager confirms the ban of a good customer.")
    assert (done.status_code, done.json()["confirmed_at"] is not None) == (200, True)
    assert (lifted.status_code, lifted.json()["detail"]) == (
        403,
        "A manager confirmed this ban, so only a manager lifts it.",
    )


def test_confirming_what_needs_it_not_conflicts(key_client, agent, manager, customer, now):
    ban = ban_purchase(customer, type="abuse", by=agent.user, at=now)

    answer = key_client(user=manager).post(f"{BANS}{ban.pk}/confirm/")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_to_confirm")


def test_a_ban_names_the_customer_like_a_purchase_check(key_client, agent, customer):
    client = key_client("bans:write", user=agent.user)

    first = client.post(BANS, {"nick": "xiaoming", "type": "abuse", "days": 7})
    again = client.post(BANS, {"customer": customer.pk, "type": "extortion"})
    nobody = client.post(BANS, {"nick": "nobody", "type": "abuse"})

    assert (first.status_code, first.json()["customer"]) == (201, customer.pk)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (nobody.status_code, nobody.json()["errors"][0]["code"]) == (400, "unknown_customer")

"""Banning and lifting over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from blocklist.models import Ban
from tests.factories import AccountFactory, BanFactory, CustomerFactory, SourceFactory

SPAM = {"type": "malicious_order", "note": "20 orders, none paid"}


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="xiaoming", agent=agent)


def ban_path(customer):
    return f"/api/v1/customers/{customer.pk}/ban/"


def lift_path(customer):
    return f"/api/v1/customers/{customer.pk}/lift-ban/"


def test_exclusive_agent_bans_and_the_next_check_is_refused(key_client, agent, customer):
    client = key_client("bans:write", "purchase-checks:write", user=agent.user)

    answer = client.post(ban_path(customer), SPAM)

    ban = Ban.objects.get()
    assert answer.status_code == 201
    assert {**answer.json(), "started_at": None} == {
        "id": ban.pk,
        "customer": customer.pk,
        "type": "malicious_order",
        "note": "20 orders, none paid",
        "started_at": None,
        "until": None,
        "is_standing": True,
        "by": "ming",
        "by_manager": False,
        "confirm_by": None,
        "confirmed_at": None,
        "ended_at": None,
        "lift_reason": "",
    }
    assert client.post("/api/v1/purchase-checks/", {"nick": "xiaoming"}).json()["ban_id"] == ban.pk


def test_second_ban_answers_with_the_standing_one(key_client, agent, manager, customer):
    first = key_client("bans:write", user=agent.user).post(ban_path(customer), SPAM)
    second = key_client("bans:write", user=manager).post(ban_path(customer), {"type": "abuse"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


def test_who_was_merged_is_banned_and_lifted_as_who_he_is_now(key_client, agent, customer):
    old = CustomerFactory(nick="old", merged_into=customer)
    client = key_client("bans:write", user=agent.user)

    banned, lifted = client.post(ban_path(old), SPAM), client.post(lift_path(old), {"reason": "we agreed"})

    assert (banned.status_code, lifted.status_code) == (201, 200)
    assert (banned.json()["customer"], lifted.json()["customer"]) == (customer.pk, customer.pk)


def test_agent_of_somebody_else_is_refused_with_the_reason(key_client, other_agent, lead, customer):
    for user in (other_agent.user, lead):
        answer = key_client("bans:write", user=user).post(ban_path(customer), SPAM)
        assert answer.status_code == 403
        assert answer.json()["detail"] == "Only this customer's exclusive agent (Ming) or a manager may ban."
    assert not Ban.objects.exists()


def test_key_without_user_neither_bans_nor_lifts(key_client, customer):
    client = key_client("bans:write")
    reason = "This key names no staff user, so it may not bind, ban, lift or send."

    refusals = [client.post(ban_path(customer), SPAM), client.post(lift_path(customer), {"reason": "paid"})]

    assert [(answer.status_code, answer.json()["detail"]) for answer in refusals] == [(403, reason)] * 2
    assert not Ban.objects.exists()


def test_session_bans_with_the_rights_of_the_user(sign_in, agent, other_agent, customer):
    def post(user):
        return sign_in(user).post(ban_path(customer), SPAM, content_type="application/json")

    assert [post(other_agent.user).status_code, post(agent.user).status_code] == [403, 201]


def test_customer_of_another_source_is_404_like_a_missing_one(key_client, manager):
    foreign = AccountFactory(source=SourceFactory(code="taobao")).customer
    client = key_client("bans:write", user=manager)

    for path in (ban_path, lift_path):
        hidden = client.post(path(foreign), {"type": "abuse", "reason": "x"})
        foreign.pk, kept = 10**20, foreign.pk
        missing = client.post(path(foreign), {"type": "abuse", "reason": "x"})
        foreign.pk = kept
        assert (hidden.status_code, hidden.json()) == (404, missing.json())
    assert not Ban.objects.exists()


@pytest.mark.parametrize(
    ("body", "length"),
    [
        ({"days": 7}, timedelta(days=7)),
        ({"until": "2199-01-01T00:00:00Z"}, None),
        ({"days": None, "until": None}, None),
    ],
)
def test_ban_ends_when_told(key_client, manager, customer, body, length):
    answer = key_client("bans:write", user=manager).post(ban_path(customer), {**SPAM, **body})

    ban = Ban.objects.get()
    assert answer.status_code == 201
    if length:
        assert ban.until - ban.started_at == length
    else:
        assert (ban.until is None) == (body["until"] is None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/type"),
        ({"type": "ugly"}, "/type"),
        ({"type": 1}, "/type"),
        ({"type": "abuse", "until": "2020-01-01T00:00:00Z"}, "/until"),
        ({"type": "abuse", "days": 0}, "/days"),
        ({"type": "abuse", "days": 10**30}, "/days"),
        ({"type": "abuse", "days": 1, "until": "2199-01-01T00:00:00Z"}, "/days"),
        ({"type": "abuse", "note": []}, "/note"),
    ],
)
def test_invalid_ban_is_400_that_points_at_the_field(key_client, manager, customer, body, pointer):
    answer = key_client("bans:write", user=manager).post(ban_path(customer), body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert not Ban.objects.exists()


def test_lifting_needs_a_ban_a_reason_and_the_right(key_client, agent, other_agent, manager, customer):
    mine, others = key_client("bans:write", user=agent.user), key_client("bans:write", user=other_agent.user)
    nothing = mine.post(lift_path(customer), {"reason": "paid"})
    BanFactory(customer=customer, by=agent.user)

    no_reason = mine.post(lift_path(customer), {"reason": " "})
    not_his = others.post(lift_path(customer), {"reason": "paid"})
    lifted = mine.post(lift_path(customer), {"reason": "paid"})

    assert (nothing.status_code, nothing.json()["code"]) == (409, "not_banned")
    assert (no_reason.status_code, no_reason.json()["errors"][0]["pointer"]) == (400, "/reason")
    assert not_his.json()["detail"] == "Only this customer's exclusive agent (Ming) or a manager lifts the ban."
    assert (lifted.status_code, lifted.json()["is_standing"], lifted.json()["lift_reason"]) == (200, False, "paid")


def test_ban_of_a_manager_is_lifted_by_managers_only(key_client, agent, manager, customer):
    BanFactory(customer=customer, by=manager, by_manager=True)

    refused = key_client("bans:write", user=agent.user).post(lift_path(customer), {"reason": "paid"})
    lifted = key_client("bans:write", user=manager).post(lift_path(customer), {"reason": "paid"})

    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "A manager set this ban, so only a manager lifts it.",
    )
    assert lifted.status_code == 200


def test_bans_are_listed_filtered_and_kept_to_the_source(key_client):
    over = BanFactory(customer=CustomerFactory(nick="a"), ended_at=timezone.now(), type="abuse")
    run_out = BanFactory(customer=CustomerFactory(nick="b"), until=timezone.now() - timedelta(seconds=1))
    standing = BanFactory(customer=over.customer)
    BanFactory()
    client = key_client("bans:read")

    def found(**query):
        return [row["id"] for row in client.get("/api/v1/bans/", query).json()["results"]]

    assert found() == [standing.pk, run_out.pk, over.pk]
    assert found(is_standing="true") == [standing.pk]
    assert found(is_standing="false") == [run_out.pk, over.pk]
    assert found(customer=over.customer_id) == [standing.pk, over.pk]
    assert found(type="abuse") == [over.pk]
    assert client.get("/api/v1/bans/", {"standing": "true"}).status_code == 400
    assert client.get(f"/api/v1/bans/{over.pk}/").json()["is_standing"] is False


def test_ban_list_takes_as_many_queries_for_three_as_for_one(key_client, count_queries):
    client = key_client("bans:read")
    BanFactory(customer=CustomerFactory(nick="a"))
    client.get("/api/v1/bans/")
    one = count_queries(lambda: client.get("/api/v1/bans/"))
    for nick in "bc":
        BanFactory(customer=CustomerFactory(nick=nick))

    assert count_queries(lambda: client.get("/api/v1/bans/")) == one
    assert len(client.get("/api/v1/bans/").json()["results"]) == 3

"""The customer's rating of a closed inquiry, over HTTP."""

from datetime import timedelta

import pytest

from customers.models import InquiryRating
from tests.factories import NOON, CustomerFactory, InquiryFactory


@pytest.fixture
def closed(agent):
    customer = CustomerFactory(nick="willow")
    return InquiryFactory(agent=agent, customer=customer, state="closed", closed_at=NOON)


@pytest.fixture
def rate(key_client, closed):
    client = key_client("inquiries:write", "inquiries:read")

    def _rate(**body):
        answer = client.post(f"/api/v1/inquiries/{closed.pk}/rating/", body)
        return answer.status_code, answer.json().get("code")

    return _rate


def kept():
    return list(InquiryRating.objects.values_list("score", "source", "text"))


def test_closed_inquiry_is_rated_and_shows_it(key_client, closed):
    client = key_client("inquiries:write", "inquiries:read")

    answer = client.post(f"/api/v1/inquiries/{closed.pk}/rating/", {"score": 1, "source": "invited", "text": "Quick"})

    told = answer.json()
    shown = client.get(f"/api/v1/inquiries/{closed.pk}/").json()["rating"]
    assert (answer.status_code, told) == (200, shown)
    assert {name: told[name] for name in ("score", "source", "text")} == {
        "score": 1,
        "source": "invited",
        "text": "Quick",
    }


def test_customer_changes_his_rating_for_some_days(rate, closed):
    assert rate(score=0, source="invited") == (200, None)
    assert rate(score=4, source="own", text="Not solved after all") == (200, None)
    assert kept() == [(4, "own", "Not solved after all")]
    InquiryRating.objects.update(first_rated_at=NOON - timedelta(days=300))

    assert rate(score=4, source="own", text="Not solved after all") == (200, None)
    assert rate(score=0, source="own") == (409, "rated_already")
    assert kept() == [(4, "own", "Not solved after all")]


def test_systems_rating_replaces_none_and_gives_way_to_the_customers(rate, closed):
    assert rate(score=0, source="system") == (200, None)
    InquiryRating.objects.update(first_rated_at=NOON - timedelta(days=300))
    assert rate(score=2, source="own") == (200, None)

    assert rate(score=0, source="system") == (409, "rated_already")
    assert kept() == [(2, "own", "")]


def test_running_inquiry_is_not_rated(key_client, agent):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))

    answer = key_client().post(f"/api/v1/inquiries/{inquiry.pk}/rating/", {"score": 0, "source": "own"})

    assert (answer.status_code, answer.json()["code"]) == (409, "inquiry_running")
    assert kept() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"source": "own"}, "/score"),
        ({"score": 5, "source": "own"}, "/score"),
        ({"score": -1, "source": "own"}, "/score"),
        ({"score": "bad", "source": "own"}, "/score"),
        ({"score": 0}, "/source"),
        ({"score": 0, "source": "friend"}, "/source"),
        ({"score": 0, "source": "own", "text": "x" * 1001}, "/text"),
        ({"score": 0, "source": "own", "stars": 5}, "/stars"),
    ],
)
def test_bad_rating_is_refused_by_name(key_client, closed, body, field):
    answer = key_client().post(f"/api/v1/inquiries/{closed.pk}/rating/", body)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [field])
    assert kept() == []


def test_nobody_rates_himself_and_a_foreign_inquiry_is_not_there(key_client, closed, agent):
    body = {"score": 0, "source": "own"}

    own = key_client("inquiries:write", user=agent.user).post(f"/api/v1/inquiries/{closed.pk}/rating/", body)
    foreign = key_client("inquiries:write", source="other").post(f"/api/v1/inquiries/{closed.pk}/rating/", body)
    reader = key_client("inquiries:read").post(f"/api/v1/inquiries/{closed.pk}/rating/", body)

    assert (own.status_code, foreign.status_code, reader.status_code) == (403, 404, 403)
    assert kept() == []

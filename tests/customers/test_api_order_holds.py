"""Releasing and closing held orders over HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from customers.models import Order, OrderHold, Refund
from tests.factories import NOON, CustomerFactory, HeldOrderFactory, OrderFactory, SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(agent):
    return HeldOrderFactory(customer=CustomerFactory(agent=agent), number="A1")


def path(order, action=""):
    return f"/api/v1/orders/{getattr(order, 'pk', order)}/{action}"


def problem(answer):
    body = answer.json()
    return answer.status_code, body["code"], body["detail"]


def test_held_order_shows_why_it_waits(key_client, held):
    answer = key_client("orders:read").get(path(held))

    assert answer.json()["status"] == "held"
    assert answer.json()["hold"] == {
        "code": "address",
        "status_before": "unpaid",
        "held_at": "2026-03-05T12:00:00+08:00",
        "released_at": "2026-03-06T00:00:00+08:00",
    }


def test_key_of_the_agent_releases_the_order_once(key_client, held, agent):
    client = key_client(user=agent.user)

    first = client.post(path(held, "release/"), {"reason": "known"})
    again = client.post(path(held, "release/"), {"reason": "known"})

    assert (first.status_code, first.json()["status"], first.json()["hold"]) == (200, "unpaid", None)
    assert problem(again) == (409, "nothing_held", "Order A1 does not wait for review, or no longer.")
    assert OrderHold.objects.get().reason == "known"


def test_release_needs_no_reason_and_closing_does(key_client, held, agent):
    client = key_client(user=agent.user)

    refused = client.post(path(held, "close/"), {})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/reason")
    assert client.post(path(held, "release/"), {}).status_code == 200


def test_unpaid_order_is_closed(key_client, held, agent):
    answer = key_client(user=agent.user).post(path(held, "close/"), {"reason": "no"})

    told = answer.json()
    assert (answer.status_code, told["status"], told["close_reason"], told["hold"]) == (200, "closed", "no", None)
    assert key_client(user=agent.user).post(path(held, "close/"), {"reason": "no"}).status_code == 409


def test_paid_order_is_closed_with_a_refund_by_managers_only(key_client, held, agent, manager):
    OrderHold.objects.update(status_before="paid")
    Order.objects.update(paid_amount=Decimal("8.00"))
    body = {"reason": "no", "refund": True}

    refused = key_client(user=agent.user).post(path(held, "close/"), body)
    without = key_client(user=manager).post(path(held, "close/"), {"reason": "no"})
    closed = key_client(user=manager).post(path(held, "close/"), body)

    assert problem(refused)[::2] == (403, "Order A1 is paid, so only a manager closes it, with a refund.")
    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (400, "/refund")
    assert (closed.status_code, closed.json()["status"], Refund.objects.get().amount) == (
        200,
        "closed",
        Decimal("8.00"),
    )


@pytest.mark.parametrize("action", ["release/", "close/"])
def test_key_that_names_nobody_decides_nothing(key_client, held, action):
    answer = key_client().post(path(held, action), {"reason": "x"})

    assert problem(answer)[:2] == (403, "key_without_user")
    assert Order.objects.get().status == "held"


@pytest.mark.parametrize("action", ["release/", "close/"])
def test_who_sees_the_order_and_may_not_decide_is_told_who_may(key_client, held, other_agent, action):
    answer = key_client(user=other_agent.user).post(path(held, action), {"reason": "x"})

    sentence = "Only this customer's exclusive agent (Ming), a lead or a manager decides about the order."
    assert (answer.status_code, answer.json()["detail"]) == (403, sentence)


@pytest.mark.parametrize("action", ["release/", "close/"])
def test_order_that_one_may_not_see_is_not_there(key_client, held, other_agent, manager, settings, action):
    body = {"reason": "x"}
    assert key_client(source="other", user=manager).post(path(held, action), body).status_code == 404
    assert key_client(user=manager).post(path(10**18, action), body).status_code == 404
    settings.AGENTS_SEE_CUSTOMERS = "own"
    assert key_client(user=other_agent.user).post(path(held, action), body).status_code == 404


@pytest.mark.parametrize("action", ["release/", "close/"])
def test_order_that_waits_for_nobody_is_a_conflict(key_client, manager, action):
    order = OrderFactory(status="paid")

    answer = key_client(user=manager).post(path(order, action), {"reason": "x"})

    assert problem(answer)[:2] == (409, "nothing_held")


@pytest.mark.parametrize(
    "body", [{"reason": "x" * 201}, {"reason": "a\x00b"}, {"reason": ["x"]}, {"reason": "x", "refund": "maybe"}, []]
)
def test_bad_bodies_are_errors_of_the_client(key_client, held, manager, body):
    assert key_client(user=manager).post(path(held, "close/"), body).status_code == 400
    assert Order.objects.get().status == "held"


def test_payment_told_by_the_shop_leaves_the_order_held(key_client, held):
    answer = key_client().patch(path(held), {"status": "paid", "paid_amount": "10.00"})

    assert (answer.status_code, answer.json()["status"]) == (200, "held")
    assert (answer.json()["hold"]["status_before"], answer.json()["paid_amount"]) == ("paid", "10.00")


def test_shop_that_has_sent_the_order_settles_its_hold(key_client, held):
    answer = key_client().patch(path(held), {"status": "sent"})

    assert (answer.json()["status"], answer.json()["hold"]) == ("sent", None)
    assert OrderHold.objects.get().outcome == "told"


def test_staff_user_does_not_get_round_the_review_by_telling_a_status(sign_in, held, agent):
    answer = sign_in(agent.user).patch(path(held), {"status": "closed"}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (409, "order_held")
    assert Order.objects.get().status == "held"


def test_list_of_held_orders_takes_as_many_queries_for_three_as_for_one(key_client, count_queries):
    client = key_client("orders:read")
    now = timezone.now() - timedelta(hours=1)

    def rows():
        return client.get("/api/v1/orders/?status=held").json()["results"]

    HeldOrderFactory(hold__held_at=now)
    rows()  # notes when the key was last used
    one = count_queries(rows)
    HeldOrderFactory.create_batch(2, source=SourceFactory(), hold__held_at=NOON)
    assert (count_queries(rows), len(rows())) == (one, 3)

"""Order intake and orders over HTTP."""

import threading

import pytest
from django.db import transaction
from django.utils import timezone

from blocklist.models import Attempt
from customers.identity import Identity
from customers.models import Customer, Order
from customers.services.people import keep_customer
from tests.factories import (
    NOON,
    BanFactory,
    CustomerFactory,
    OrderFactory,
    OrderLineFactory,
    ProductFactory,
    SourceFactory,
)
from tests.parallel import Parallel

PATH = "/api/v1/orders/"
ORDER = {
    "number": "A1",
    "nick": "xiaoming",
    "phone": "13800138000",
    "amount": "40.80",
    "postage": 1,
    "ordered_at": "2026-03-05T12:00:00+08:00",
    "lines": [{"product": "p-1", "title": "Tea", "quantity": 2, "price": "19.90"}],
}


@pytest.fixture
def shop(key_client):
    return key_client("orders:write", "orders:read")


def test_order_is_recorded_with_lines_and_customer(shop):
    ProductFactory(external_id="p-1")

    answer = shop.post(PATH, ORDER)

    order = Order.objects.get()
    assert answer.status_code == 201
    assert {**answer.json(), "updated_at": None} == {
        "id": order.pk,
        "source": "own",
        "number": "A1",
        "customer": Customer.objects.get().pk,
        "status": "unpaid",
        "close_reason": "",
        "amount": "40.80",
        "postage": "1.00",
        "paid_amount": "0.00",
        "ordered_at": "2026-03-05T12:00:00+08:00",
        "paid_at": None,
        "sent_at": None,
        "done_at": None,
        "closed_at": None,
        "buyer_message": "",
        "memo": "",
        "flag": 0,
        "hold": None,
        "lines": [{"line_number": 1, "product": "p-1", "title": "Tea", "quantity": 2, "price": "19.90"}],
        "updated_at": None,
    }


def test_order_posted_twice_is_one_row(shop):
    first = shop.post(PATH, ORDER)
    second = shop.post(PATH, {**ORDER, "amount": "99.00"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert Order.objects.count() == 1


def test_known_number_is_answered_though_the_buyer_was_banned_meanwhile(shop):
    shop.post(PATH, ORDER)
    BanFactory(customer=Customer.objects.get())

    again = shop.post(PATH, ORDER)
    next_order = shop.post(PATH, {**ORDER, "number": "A2"})

    assert (again.status_code, again.json()["number"]) == (200, "A1")
    assert next_order.status_code == 409
    assert list(Attempt.objects.values_list("order_number", flat=True)) == ["A2"]


@pytest.mark.parametrize(
    "named",
    [
        {"nick": "xiaoming"},
        {"external_id": "xiaoming"},
        {"phone": "0086 138 0013 8000"},
        {"email": "wang@EXAMPLE.com"},
    ],
)
def test_order_of_a_banned_buyer_is_409_with_the_public_text_and_logged(shop, named):
    customer = CustomerFactory(nick="xiaoming", phone="13800138000", email="Wang@example.com")
    ban = BanFactory(customer=customer)

    answer = shop.post(PATH, {"number": "A1", "amount": "10.00", **named})

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The purchase gate refuses this order.",
        "code": "purchase_banned",
        "decision": "refuse",
        "public_message": "This order cannot be accepted. Please contact the shop's customer service.",
        "ban_id": ban.pk,
    }
    assert list(Attempt.objects.values_list("outcome", "door", "ban", "order_number")) == [
        ("refuse", "order", ban.pk, "A1")
    ]
    assert not Order.objects.exists()


def test_placed_order_is_recorded_in_spite_of_a_ban(key_client):
    ban = BanFactory(customer=CustomerFactory(nick="xiaoming"))
    body = {**ORDER, "placed": True, "status": "paid"}

    without_scope = key_client("orders:write").post(PATH, body)
    with_scope = key_client("orders:write", "orders:import").post(PATH, body)

    assert (without_scope.status_code, without_scope.json()["code"]) == (403, "scope_missing")
    assert "orders:import" in without_scope.json()["detail"]
    assert (with_scope.status_code, with_scope.json()["status"]) == (201, "paid")
    assert list(Attempt.objects.values_list("outcome", "ban")) == [("despite", ban.pk)]


def test_placed_order_may_keep_its_buyer_to_itself(key_client):
    client = key_client("orders:write", "orders:import")
    body = {"number": "A1", "amount": "10.00"}

    assert client.post(PATH, body).json()["errors"][0]["code"] == "identifier_missing"
    assert client.post(PATH, {**body, "placed": True}).json()["customer"] is None


def test_staff_need_the_right_to_import_for_a_placed_order(sign_in, agent, manager):
    SourceFactory()
    body = {"source": "own", "number": "A1", "amount": "10.00", "placed": True}

    def post(user):
        return sign_in(user).post(PATH, body, content_type="application/json")

    assert [post(agent.user).status_code, post(manager).status_code] == [403, 201]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"number": None}, "/number"),
        ({"number": "x" * 65}, "/number"),
        ({"amount": "-0.01"}, "/amount"),
        ({"amount": "0.001"}, "/amount"),
        ({"amount": "1e400"}, "/amount"),
        ({"amount": "9" * 13}, "/amount"),
        ({"status": "eaten"}, "/status"),
        ({"status": "held"}, "/status"),
        ({"ordered_at": "0001-01-01T00:00:00"}, "/ordered_at"),
        ({"ordered_at": "yesterday"}, "/ordered_at"),
        ({"lines": [{"quantity": 1}, {"quantity": 0}]}, "/lines/1/quantity"),
        ({"lines": [{"price": "-1"}]}, "/lines/0/price"),
        ({"lines": [{"a/b~c": 1}]}, "/lines/0/a~1b~0c"),
        ({"lines": {}}, "/lines"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_invalid_order_is_400_that_points_at_the_field(shop, change, pointer):
    answer = shop.post(PATH, {**ORDER, **change})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Order.objects.exists()


def test_order_of_another_source_is_refused_and_unseen(shop):
    foreign = OrderFactory(source=SourceFactory(code="taobao"))

    assert shop.post(PATH, {**ORDER, "source": "taobao"}).json()["code"] == "foreign_source"
    assert shop.get(PATH).json()["results"] == []
    assert shop.get(f"{PATH}{foreign.pk}/").json() == shop.get(f"{PATH}999999/").json()
    assert shop.patch(f"{PATH}{foreign.pk}/", {"flag": 1}).status_code == 404


def test_order_status_moves_with_its_times_and_the_trade_figures(shop):
    shop.post(PATH, ORDER)
    order = Order.objects.get()
    path = f"{PATH}{order.pk}/"

    paid = shop.patch(path, {"status": "paid", "paid_amount": "40.80", "paid_at": "2026-03-05T13:00:00+08:00"})
    done = shop.patch(path, {"status": "done", "memo": "thanks", "flag": 3})

    assert (paid.status_code, paid.json()["paid_at"]) == (200, "2026-03-05T13:00:00+08:00")
    assert (done.json()["status"], done.json()["memo"], done.json()["flag"]) == ("done", "thanks", 3)
    assert done.json()["done_at"] is not None
    figures = Customer.objects.values_list("trade_count", "trade_amount", "item_count").get()
    assert [str(figure) for figure in figures] == ["1", "40.80", "2"]


@pytest.mark.parametrize(
    "body", [{"status": "held"}, {"status": None}, {"flag": 9}, {"amount": "1.00"}, {"flag": True}]
)
def test_invalid_change_of_an_order_is_400(shop, body):
    order = OrderFactory()
    assert shop.patch(f"{PATH}{order.pk}/", body).status_code == 400


def test_order_list_is_newest_first_in_pages(shop):
    orders = [OrderFactory() for _number in range(5)]
    numbers = [order.number for order in reversed(orders)]

    first = shop.get(PATH, {"page_size": 2}).json()
    second = shop.get(first["next"]).json()
    third = shop.get(second["next"]).json()

    pages = [[row["number"] for row in page["results"]] for page in (first, second, third)]
    assert pages == [numbers[:2], numbers[2:4], numbers[4:]]
    assert third["next"] is None


def test_order_page_holds_100_at_most(shop):
    Order.objects.bulk_create(
        Order(source=SourceFactory(), number=str(number), ordered_at=NOON) for number in range(101)
    )
    assert len(shop.get(PATH, {"page_size": 1000}).json()["results"]) == 100


def test_order_filters_find_their_orders(shop):
    order = OrderFactory(number="X", status="paid", customer=CustomerFactory())
    OrderFactory(number="Y", ordered_at=timezone.now())

    filters = [
        {"number": "X"},
        {"status": "paid"},
        {"customer": order.customer_id},
        {"ordered_to": "2026-03-06T00:00:00Z"},
    ]
    found = [[row["number"] for row in shop.get(PATH, query).json()["results"]] for query in filters]
    assert found == [["X"]] * 4
    assert len(shop.get(PATH, {"source": "own", "ordered_from": "2026-03-01T00:00:00Z"}).json()["results"]) == 2


def test_order_list_takes_as_many_queries_for_three_as_for_one(shop, count_queries):
    OrderLineFactory(order__customer=CustomerFactory(), product=ProductFactory())
    shop.get(PATH)
    one = count_queries(lambda: shop.get(PATH))
    for _number in range(2):
        OrderLineFactory(order__customer=CustomerFactory(), product=ProductFactory())

    assert count_queries(lambda: shop.get(PATH)) == one
    assert len(shop.get(PATH).json()["results"]) == 3


@pytest.mark.django_db(transaction=True)
def test_two_first_orders_of_a_new_buyer_at_once_make_one_customer(key_client):
    shop, statuses = key_client("orders:write"), []
    source = SourceFactory()

    def order():
        statuses.append(shop.post(PATH, ORDER).status_code)

    with Parallel() as side, transaction.atomic():
        keep_customer(Identity(source_id=source.pk, nick="xiaoming"), at=NOON)
        side.start(order)
        threading.Event().wait(timeout=1)  # by now the order waits for this transaction

    assert statuses == [201]
    assert Order.objects.get().customer == Customer.objects.get()

"""Orders that the staff enter: they pass the gate like any other."""

from decimal import Decimal

import pytest

from blocklist.models import Attempt
from customers.models import Event, Order, OrderHold, OrderLine
from tests.factories import BanFactory, CustomerFactory, OrderFactory, ProductFactory, SourceFactory, WatchFactory

PAGE = "/admin/customers/order/add/"


@pytest.fixture
def source(db):
    return SourceFactory()


def body(source, lines=(), **values):
    sent = {"source": source.pk, "number": "A1", "amount": "12.50", "status": "unpaid", "nick": "xiaoming", **values}
    sent |= {"lines-TOTAL_FORMS": "5", "lines-INITIAL_FORMS": "0"}
    for number, line in enumerate(lines):
        sent |= {f"lines-{number}-{name}": value for name, value in line.items()}
    return sent


def test_order_is_recorded_with_lines_and_who_entered_it(sign_in, manager, source):
    ProductFactory(external_id="P1", source=source)
    lines = [{"title": "Silk scarf", "product": "P1", "quantity": "2", "price": "5.00"}, {"title": "Wool"}]

    answer = sign_in(manager).post(PAGE, body(source, lines, status="paid", phone="13800138000"))

    order = Order.objects.get()
    assert (answer.status_code, answer.url) == (302, order.get_absolute_url())
    assert (order.number, order.status, order.amount, order.paid_amount) == ("A1", "paid", Decimal("12.50"), 12.5)
    assert order.customer.accounts.get().nick == "xiaoming"
    assert list(OrderLine.objects.values_list("title", "product__external_id", "quantity", "price")) == [
        ("Silk scarf", "P1", 2, Decimal("5.00")),
        ("Wool", None, 1, Decimal("0.00")),
    ]
    assert list(Event.objects.filter(verb="order.added").values_list("by", "rows__row_id")) == [(manager.pk, order.pk)]


def test_order_of_a_banned_buyer_is_refused_with_the_reason_and_logged(sign_in, manager, source):
    ban = BanFactory(customer=CustomerFactory(nick="xiaoming"), type="abuse", by=manager)

    answer = sign_in(manager).post(PAGE, body(source))

    assert answer.status_code == 200
    for told in ("the buyer himself is banned", "abuse", ban.get_absolute_url(), "The order is not recorded."):
        assert told in answer.text
    assert not Order.objects.exists()
    assert list(Attempt.objects.values_list("door", "by", "order_number", "amount", "ban")) == [
        ("entry", manager.pk, "A1", Decimal("12.50"), ban.pk)
    ]


def test_order_of_a_watched_buyer_is_held_and_says_why(sign_in, manager, source):
    WatchFactory(customer=CustomerFactory(nick="xiaoming"), by=manager)

    answer = sign_in(manager).post(PAGE, body(source), follow=True)

    assert "Order A1 is held for review: the buyer is on the watch list." in answer.text
    assert list(OrderHold.objects.values_list("order__number", "code")) == [("A1", "customer_watched")]
    assert Attempt.objects.values_list("outcome", "door").get() == ("review", "entry")


def test_known_number_is_said_and_nothing_is_changed(sign_in, manager, source):
    OrderFactory(source=source, number="A1")

    answer = sign_in(manager).post(PAGE, body(source))

    assert "This source already has an order with this number." in answer.text
    assert Order.objects.get().customer is None


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({"nick": ""}, ()),
        ({"number": ""}, ()),
        ({"number": "9" * 5000}, ()),
        ({"number": "a\0"}, ()),
        ({"amount": "x"}, ()),
        ({"amount": "9" * 400}, ()),
        ({"amount": "-1"}, ()),
        ({"status": "held"}, ()),
        ({"source": 10**30}, ()),
        ({}, [{"quantity": "2"}]),
        ({}, [{"title": "x", "quantity": "9" * 400}]),
        ({}, [{"title": "x", "price": "-1"}]),
        ({"lines-TOTAL_FORMS": "x"}, ()),
        ({"lines-TOTAL_FORMS": "100000"}, ()),
    ],
)
def test_bad_entry_says_what_is_wrong_and_records_nothing(sign_in, manager, source, values, lines):
    answer = sign_in(manager).post(PAGE, body(source, lines) | values)

    assert answer.status_code == 200
    assert answer.context["form"].errors or not answer.context["lines"].is_valid()
    assert not Order.objects.exists()


def test_entry_is_for_those_who_may_add_orders(sign_in, agent, lead, source):
    for user in (agent.user, lead):
        client = sign_in(user)
        assert (client.get(PAGE).status_code, client.post(PAGE, body(source)).status_code) == (403, 403)
        assert PAGE not in client.get("/admin/customers/order/").text
    assert not Order.objects.exists()


def test_list_leads_a_manager_to_the_entry(sign_in, manager, source):
    client = sign_in(manager)
    assert PAGE in client.get("/admin/customers/order/").text
    assert client.get(PAGE).status_code == 200

from datetime import timedelta
from decimal import Decimal

import pytest

from blocklist.models import Attempt
from blocklist.services.bans import ban_purchase
from customers.identity import Identity
from customers.models import Account, Customer, Order, OrderLine
from customers.services.orders import LineFacts, OrderFacts, take_order, update_order
from tests.factories import NOON, CustomerFactory, ProductFactory, SourceFactory

FIGURES = (
    "trade_count",
    "trade_amount",
    "item_count",
    "avg_price",
    "close_trade_count",
    "close_trade_amount",
    "last_trade_at",
    "customer_source",
)


@pytest.fixture
def source(db):
    return SourceFactory()


def order_of(source, number="1", **facts):
    buyer = {name: facts.pop(name) for name in ("nick", "phone", "email", "external_id", "address") if name in facts}
    placed = facts.pop("placed", False)
    facts = OrderFacts(number=number, **{"amount": Decimal("10.00"), "ordered_at": NOON, **facts})
    return take_order(facts, source=source, buyer=Identity(source_id=source.pk, **buyer), at=NOON, placed=placed)


def figures(customer):
    return Customer.objects.values_list(*FIGURES).get(pk=customer.pk)


def test_order_is_recorded_with_lines_and_buyer(source):
    product = ProductFactory(external_id="P1")
    lines = [LineFacts(title="shirt", quantity=2, price=Decimal("5.00"), product="P1"), LineFacts(product="unknown")]

    intake = order_of(source, nick="xiaohong", phone="13800138000", lines=lines, status="paid")

    assert (intake.created, intake.order.status, intake.order.customer) == (True, "paid", Customer.objects.get())
    assert list(Account.objects.values_list("external_id", "nick")) == [("xiaohong", "xiaohong")]
    assert list(OrderLine.objects.order_by("line_number").values_list("line_number", "product", "quantity")) == [
        (1, product.pk, 2),
        (2, None, 1),
    ]


def test_order_of_a_known_number_is_answered_without_asking_the_gate(source, manager):
    first = order_of(source, nick="xiaohong")
    ban_purchase(first.order.customer, type="other", by=manager, at=NOON)

    again = order_of(source, nick="xiaohong")

    assert (again.order, again.decision, again.created) == (first.order, None, False)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize(
    "named",
    [
        {"nick": "mallory"},
        {"external_id": "mallory"},
        {"phone": "+86 138-0013-8000"},
        {"phone": "'13800138000"},
        {"email": "MALLORY@example.com "},
        {"nick": "somebody new", "phone": "13800138000"},
    ],
)
def test_order_of_a_banned_buyer_is_refused_by_whatever_names_him(source, manager, named):
    customer = CustomerFactory(nick="mallory", phone="13800138000", email="mallory@example.com")
    ban = ban_purchase(customer, type="other", by=manager, at=NOON)

    intake = order_of(source, amount=Decimal("99.00"), **named)

    assert (intake.order, intake.decision.code, intake.decision.ban_id) == (None, "purchase_banned", ban.pk)
    assert not Order.objects.exists()
    assert list(Attempt.objects.values_list("ban", "outcome", "order_number", "amount", "identifiers")) == [
        (
            ban.pk,
            "refuse",
            "1",
            Decimal("99.00"),
            sorted(named, key=["nick", "external_id", "phone", "email"].index) if len(named) > 1 else list(named),
        )
    ]


@pytest.mark.parametrize("named", [{"nick": "mal***"}, {"phone": "138****8000"}, {"phone": "13800138000-1234"}])
def test_order_named_by_a_masked_or_virtual_value_matches_nobody(source, manager, named):
    customer = CustomerFactory(nick="mal***", phone="13800138000")
    ban_purchase(customer, type="other", by=manager, at=NOON)

    assert order_of(source, **named).created


def test_order_after_the_ban_ran_out_is_accepted(source, manager):
    customer = CustomerFactory(nick="mallory")
    ban_purchase(customer, type="other", by=manager, at=NOON - timedelta(2), until=NOON)

    assert order_of(source, nick="mallory").created


def test_placed_order_is_recorded_despite_the_ban_and_logged(source, manager):
    customer = CustomerFactory(nick="mallory")
    ban = ban_purchase(customer, type="other", by=manager, at=NOON)

    intake = order_of(source, nick="mallory", placed=True)

    assert (intake.created, intake.order.customer, intake.order.status) == (True, customer, "unpaid")
    assert list(Attempt.objects.values_list("ban", "outcome")) == [(ban.pk, "despite")]


def test_order_of_nobody_known_is_kept_without_customer(source):
    intake = order_of(source, address="somewhere")

    assert (intake.created, intake.order.customer) == (True, None)
    assert not Customer.objects.exists()


def test_guest_is_a_customer_without_account_and_found_again(source):
    first = order_of(source, "1", email="Guest@Example.com")
    second = order_of(source, "2", email="guest@example.com")

    assert first.order.customer == second.order.customer
    assert not Account.objects.exists()


def test_trade_figures_follow_the_order(source):
    order = order_of(source, nick="xiaohong", lines=[LineFacts(quantity=3)]).order
    nothing = (0, Decimal(0), 0, Decimal(0), 0, Decimal(0), None, Customer.CustomerSource.NOT_TRADED)
    assert figures(order.customer) == nothing

    update_order(order, at=NOON, status="done", paid_amount=Decimal("10.00"))
    traded = (1, Decimal(10), 3, Decimal(10), 0, Decimal(0), NOON, Customer.CustomerSource.TRADED)
    assert figures(order.customer) == traded
    assert order.done_at == NOON

    update_order(order, at=NOON, status="closed", close_reason="refunded")
    closed = (0, Decimal(0), 0, Decimal(0), 1, Decimal(10), None, Customer.CustomerSource.NOT_TRADED)
    assert figures(order.customer) == closed


def test_ten_times_ten_cents_is_one(source):
    for number in range(10):
        order = order_of(source, str(number), nick="xiaohong", status="done", paid_amount=Decimal("0.10")).order

    assert figures(order.customer)[:4] == (10, Decimal("1.00"), 0, Decimal("0.10"))


def test_whole_amount_is_not_divided_as_an_integer(source):
    for number, paid in enumerate(("5.00", "5.00", "10.00")):
        order = order_of(source, str(number), nick="xiaohong", status="done", paid_amount=Decimal(paid)).order

    assert figures(order.customer)[3] == Decimal("6.67")


def test_update_of_nothing_writes_nothing(source, django_assert_num_queries):
    order = order_of(source, nick="xiaohong").order

    with django_assert_num_queries(0):
        update_order(order, at=NOON, memo="", flag=0)

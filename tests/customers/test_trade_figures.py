import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from customers.identity import Identity
from customers.models import Customer, Order
from customers.services.orders import LineFacts, OrderFacts, take_order, update_order
from customers.services.trade_figures import rebuild_trade_figures
from tests.factories import NOON, CustomerFactory, OrderFactory, OrderLineFactory, SourceFactory

FIGURES = (
    "trade_count", "trade_amount", "item_count", "avg_price", "close_trade_count", "close_trade_amount",
    "last_trade_at", "customer_source",
)  # fmt: skip


def figures():
    return list(Customer.objects.order_by("pk").values("pk", *FIGURES))


def take_random_order(number, *, chance, source):
    lines = [
        LineFacts(quantity=chance.randint(1, 5), price=Decimal(chance.randint(1, 99_999)) / 100)
        for _ in range(chance.randint(0, 3))
    ]
    facts = OrderFacts(
        number=str(number),
        amount=Decimal(chance.randint(1, 99_999)) / 100,
        paid_amount=Decimal(chance.randint(0, 99_999)) / 100,
        status=chance.choice(Order.Status.values),
        ordered_at=NOON + timedelta(minutes=chance.randint(0, 100_000)),
        lines=lines,
    )
    return take_order(facts, source=source, buyer=Identity(source.pk, nick=f"buyer{chance.randint(1, 6)}"), at=NOON)


@pytest.mark.parametrize("seed", range(3))
def test_rebuild_after_random_order_changes_changes_nothing(db, seed):
    chance, source = random.Random(seed), SourceFactory()
    orders = [take_random_order(number, chance=chance, source=source).order for number in range(40)]
    for order in chance.choices(orders, k=40):
        update_order(
            order,
            at=NOON,
            status=chance.choice(Order.Status.values),
            amount=Decimal(chance.randint(1, 99_999)) / 100,
            paid_amount=Decimal(chance.randint(1, 99_999)) / 100,
        )
    kept = figures()

    written = rebuild_trade_figures(at=NOON)

    assert figures() == kept
    assert written == len(kept)
    assert any(customer["trade_count"] > 1 for customer in kept)


def test_rebuild_writes_what_the_orders_say(db, settings, capsys):
    settings.WRITE_BATCH = 2
    ana, bia, _caio = (
        CustomerFactory(trade_count=9, trade_amount=9, close_trade_amount=9, last_trade_at=NOON) for _ in range(3)
    )
    done = OrderFactory(customer=ana, status="done", amount=9, paid_amount=Decimal("12.35"))
    OrderLineFactory(order=done, line_number=1, quantity=2)
    OrderLineFactory(order=done, line_number=2, quantity=3)
    OrderFactory(customer=ana, status="done", paid_amount=Decimal("0.10"), ordered_at=NOON + timedelta(days=1))
    OrderFactory(customer=ana, status="paid", paid_amount=50)
    OrderFactory(customer=bia, status="closed", amount=Decimal("7.77"))

    call_command("rebuild_trade_figures")

    nothing = (0, Decimal("0.00"), 0, Decimal("0.00"), 0, Decimal("0.00"), None, 2)
    assert list(Customer.objects.order_by("pk").values_list(*FIGURES)) == [
        (2, Decimal("12.45"), 5, Decimal("6.23"), 0, Decimal("0.00"), NOON + timedelta(days=1), 1),
        (0, Decimal("0.00"), 0, Decimal("0.00"), 1, Decimal("7.77"), None, 2),
        nothing,
    ]
    assert capsys.readouterr().out == "Rebuilt the trade figures of 3 customers.\n"


def test_ten_times_ten_cents_is_exactly_one(db):
    customer = CustomerFactory()
    for _ in range(10):
        OrderFactory(customer=customer, status="done", paid_amount=Decimal("0.10"))

    rebuild_trade_figures(at=NOON)

    assert Customer.objects.filter(pk=customer.pk, trade_amount=Decimal("1.00")).exists()
    customer.refresh_from_db()
    assert (customer.trade_amount, customer.avg_price) == (Decimal("1.00"), Decimal("0.10"))

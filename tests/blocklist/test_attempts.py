from datetime import timedelta
from decimal import Decimal

import pytest

from blocklist.models import Attempt
from customers.models import Order
from customers.signals import orders_imported
from tests.factories import NOON, BanFactory, CustomerFactory, OrderFactory

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("ban", "despite"),
    [
        ({"started_at": NOON - HOUR}, True),
        ({"started_at": NOON + HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "until": NOON - HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "ended_at": NOON - HOUR}, False),
        ({"started_at": NOON - HOUR, "ended_at": NOON + HOUR}, True),
    ],
)
def test_imported_order_is_logged_if_the_ban_stood_when_it_was_placed(db, ban, despite):
    customer = CustomerFactory()
    ban = BanFactory(customer=customer, **ban)
    order = OrderFactory(customer=customer, ordered_at=NOON, amount=Decimal("12.50"))
    OrderFactory(customer=CustomerFactory())
    OrderFactory()

    orders_imported.send(sender=Order, orders=Order.objects.all(), run=None, source=order.source)

    logged = Attempt.objects.values_list("at", "outcome", "door", "ban", "customer", "order_number", "amount")
    expected = (NOON, "despite", "import", ban.pk, customer.pk, order.number, Decimal("12.50"))
    assert list(logged) == ([expected] if despite else [])

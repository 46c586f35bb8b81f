"""What endpoints are told of held, released and closed orders."""

from datetime import timedelta
from decimal import Decimal

import pytest

from customers.models import Order, OrderHold
from customers.services import order_holds
from customers.services.orders import update_order
from messaging.models import WebhookDelivery
from tests.factories import NOON, CustomerFactory, EndpointFactory, HeldOrderFactory, OrderFactory, SourceFactory

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def endpoint():
    EndpointFactory(source=SourceFactory(code="other"))
    EndpointFactory(is_active=False)
    return EndpointFactory()


@pytest.fixture
def order(agent):
    return OrderFactory(customer=CustomerFactory(agent=agent), number="A1", status="paid", paid_amount=Decimal("9.00"))


def told():
    rows = WebhookDelivery.objects.order_by("pk")
    return [(row.target_id, row.event, row.payload["data"]) for row in rows]


def data_of(order, status, **facts):
    named = {"id": order.pk, "source": "own", "number": "A1", "customer": order.customer_id, "status": status}
    return {"order": named, **facts}


def test_held_and_released_orders_are_told_to_the_endpoints_of_their_source(endpoint, order, manager, agent):
    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)
    order_holds.release(order, by=agent.user, at=LATER, reason="known")

    hold = {"code": "banned", "status_before": "paid", "held_at": NOON.isoformat()}
    ends = (NOON + timedelta(hours=12)).isoformat()
    waits = {"released_by_itself_at": ends, "outcome": "", "reason": "", "decided_at": None}
    done = {"released_by_itself_at": None, "outcome": "released", "reason": "known", "decided_at": LATER.isoformat()}
    assert told() == [
        (endpoint.pk, "order.held", data_of(order, "held", **hold, **waits)),
        (endpoint.pk, "order.released", data_of(order, "paid", **hold, **done)),
    ]


def test_closed_order_is_told_with_the_money_that_is_to_go_back(endpoint, order, manager):
    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)
    order_holds.close_order(order, by=manager, at=LATER, reason="no", refund=True)

    refund = {"id": order.refunds.get().pk, "amount": "9.00", "status": "asked"}
    assert told()[1:] == [
        (endpoint.pk, "order.closed", data_of(order, "closed", reason="no", refund=refund, at=LATER.isoformat()))
    ]


def test_order_released_by_time_is_told_and_one_that_its_source_settled_is_not(endpoint):
    HeldOrderFactory()
    update_order(HeldOrderFactory(), at=NOON, status="sent")

    order_holds.release_overdue(at=NOON + timedelta(days=1))

    assert [(event, data["outcome"]) for _target, event, data in told()] == [("order.released", "overdue")]


def test_telling_of_many_costs_as_many_statements_as_of_one(endpoint, manager, count_queries):
    def hold(count):
        OrderFactory.create_batch(count)
        return count_queries(lambda: order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON))

    assert hold(2) == hold(4)
    assert OrderHold.objects.count() == WebhookDelivery.objects.count() == 6

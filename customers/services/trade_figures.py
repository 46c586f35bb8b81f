"""The trade figures of a customer. Each is defined here, once, and nowhere else written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import (
    Case,
    Count,
    DecimalField,
    F,
    FloatField,
    IntegerField,
    Max,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Round

from customers.bulk import in_batches
from customers.models import Customer, Order, OrderLine

from .levels import raise_levels

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

MONEY: DecimalField[Any, Any] = DecimalField(max_digits=14, decimal_places=2)


def _of_customer(rows: QuerySet[Any], customer: str, aggregate: Any, empty: Any, output: Any) -> Coalesce:
    """One aggregate over those of `rows` that belong to the customer of the outer query."""
    per_customer = rows.filter(**{customer: OuterRef("pk")}).order_by().values(customer).annotate(figure=aggregate)
    return Coalesce(Subquery(per_customer.values("figure"), output_field=output), Value(empty), output_field=output)


def refresh_trade_figures(customers: CustomerQuerySet, *, at: datetime) -> int:
    """Write the trade figures of these customers from their orders, and raise the levels that they have earned.

    A successful trade is an order with status done, a closed trade one with status closed. Trade amount is what was
    paid in successful trades, closed amount what was to be paid in closed ones, both with postage and in the shop's
    currency; item count is the pieces in successful trades; last trade is when the latest successful one was ordered.
    Returns how many customers. Repeating is safe. Runs in a transaction of the caller.
    """
    done, closed = Order.objects.successful(), Order.objects.closed()
    pieces = OrderLine.objects.filter(order__status=Order.Status.DONE)
    count = IntegerField()
    written = customers.update(
        trade_count=_of_customer(done, "customer", Count("pk"), 0, count),
        trade_amount=Round(_of_customer(done, "customer", Sum("paid_amount"), 0, MONEY), 2),
        item_count=_of_customer(pieces, "order__customer", Sum("quantity"), 0, count),
        close_trade_count=_of_customer(closed, "customer", Count("pk"), 0, count),
        close_trade_amount=Round(_of_customer(closed, "customer", Sum("amount"), 0, MONEY), 2),
        last_trade_at=Subquery(
            done.filter(customer=OuterRef("pk"))
            .order_by()
            .values("customer")
            .annotate(at=Max("ordered_at"))
            .values("at")
        ),
    )
    by_hand = Customer.CustomerSource.BY_HAND
    customers.update(
        avg_price=Case(
            # SQLite keeps a whole amount as an integer and would divide it as one.
            When(
                trade_count__gt=0,
                then=Round(Cast(Cast("trade_amount", FloatField()) / F("trade_count"), MONEY), 2),
            ),
            default=Value(0),
            output_field=MONEY,
        ),
        customer_source=Case(
            When(trade_count__gt=0, then=Value(Customer.CustomerSource.TRADED)),
            When(customer_source=by_hand, then=Value(by_hand)),
            default=Value(Customer.CustomerSource.NOT_TRADED),
        ),
    )
    raise_levels(customers, at=at)
    return written


def rebuild_trade_figures(*, at: datetime) -> int:
    """Write everybody's trade figures anew, in short transactions over ranges of ids; return how many customers.

    Gives the numbers that `refresh_trade_figures` keeps; may be stopped and repeated at any time.
    """
    written = 0
    for customers in in_batches(Customer.objects.all()):
        with transaction.atomic():
            written += refresh_trade_figures(customers, at=at)
    return written

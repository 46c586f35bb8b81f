"""Taking orders in and keeping them, with the trade figures of their customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from customers import gates, locks
from customers.gates import Decision, Door, Outcome, Question
from customers.identity import Identity
from customers.models import Customer, Order, OrderLine, Product, Source

from .people import keep_customer
from .trade_figures import refresh_trade_figures


@dataclass(frozen=True)
class LineFacts:
    """One line of an order; the product is named by its number in the order's source."""

    title: str = ""
    quantity: int = 1
    price: Decimal = Decimal(0)
    product: str = ""


@dataclass(frozen=True)
class OrderFacts:
    """What the shop tells of an order. Amounts in the shop's currency; `amount` with postage."""

    number: str
    amount: Decimal
    ordered_at: datetime
    status: str = Order.Status.UNPAID
    postage: Decimal = Decimal(0)
    paid_amount: Decimal = Decimal(0)
    paid_at: datetime | None = None
    buyer_message: str = ""
    lines: Sequence[LineFacts] = field(default_factory=tuple)


@dataclass(frozen=True)
class Intake:
    """What became of an order: the recorded order (None if refused), the gate's answer (None if it was not asked)."""

    order: Order | None
    decision: Decision | None
    created: bool


def take_order(facts: OrderFacts, *, source: Source, buyer: Identity, at: datetime, placed: bool = False) -> Intake:
    """Ask the gate and record the order, in one transaction under the shared intake lock.

    A number that is known in this source is answered with the recorded order and the gate is not asked, so repeating
    is safe, also when the buyer was banned meanwhile. A refused order is not recorded. `placed`: a marketplace has
    accepted the order already, so it is recorded whatever the gate says. A review records the order as held.
    """
    with transaction.atomic():
        locks.share_intake()
        if known := Order.objects.filter(source=source, number=facts.number).first():
            return Intake(order=known, decision=None, created=False)
        decision = gates.ask(
            Question(buyer=buyer, door=Door.ORDER, at=at, order_number=facts.number, amount=facts.amount, placed=placed)
        )
        if decision.outcome is Outcome.REFUSE and not placed:
            return Intake(order=None, decision=decision, created=False)
        try:
            with transaction.atomic():
                order = _record(facts, source=source, buyer=buyer, held=_is_held(decision, placed), at=at)
        except IntegrityError:
            # the same number came in twice at the same moment, and the other one was first
            known = Order.objects.filter(source=source, number=facts.number).first()
            if known is None:
                raise
            return Intake(order=known, decision=None, created=False)
        return Intake(order=order, decision=decision, created=True)


def _is_held(decision: Decision, placed: bool) -> bool:
    return decision.outcome is Outcome.REVIEW and not placed


def _record(facts: OrderFacts, *, source: Source, buyer: Identity, held: bool, at: datetime) -> Order:
    customer = keep_customer(buyer, at=at)
    order = Order.objects.create(
        source=source,
        number=facts.number,
        customer=customer,
        status=Order.Status.HELD if held else facts.status,
        amount=facts.amount,
        postage=facts.postage,
        paid_amount=facts.paid_amount,
        ordered_at=facts.ordered_at,
        paid_at=facts.paid_at,
        buyer_message=facts.buyer_message,
    )
    numbers = [line.product for line in facts.lines if line.product]
    products = dict(Product.objects.filter(source=source, external_id__in=numbers).values_list("external_id", "pk"))
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            line_number=position,
            product_id=products.get(line.product),
            title=line.title,
            quantity=line.quantity,
            price=line.price,
        )
        for position, line in enumerate(facts.lines, start=1)
    )
    if customer:
        refresh_trade_figures(Customer.objects.filter(pk=customer.pk))
    return order


def update_order(order: Order, *, at: datetime, **facts: object) -> Order:
    """Write what changed of an order (status, payment, times, memo, flag) and keep its customer's trade figures.

    Accepts fields of Order by name. The time that belongs to a new status is set to `at` where none is told.
    Repeating is safe. The gate is not asked: the order is already the shop's.
    """
    times = {
        Order.Status.PAID: "paid_at",
        Order.Status.SENT: "sent_at",
        Order.Status.DONE: "done_at",
        Order.Status.CLOSED: "closed_at",
    }
    status = facts.get("status", order.status)
    time_field = times.get(status)  # type: ignore[call-overload]
    if status != order.status and time_field and not facts.get(time_field) and not getattr(order, time_field):
        facts[time_field] = at
    if status != Order.Status.CLOSED:
        facts["close_reason"] = ""
    changed = [name for name, value in facts.items() if getattr(order, name) != value]
    if not changed:
        return order
    for name in changed:
        setattr(order, name, facts[name])
    with transaction.atomic():
        order.save(update_fields=[*changed, "updated_at"])
        if order.customer_id:
            refresh_trade_figures(Customer.objects.filter(pk=order.customer_id))
    return order

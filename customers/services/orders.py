"""Taking orders in and keeping them, with the trade figures of their customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from customers import gates, locks
from customers.bulk import update_rows
from customers.gates import Decision, Door, Outcome, Question
from customers.identity import Identity
from customers.models import ApiKey, Customer, EventRow, Order, OrderHold, OrderLine, Product, Source, User
from customers.signals import orders_identified

from . import audit
from .order_holds import hold_new
from .people import keep_customer
from .trade_figures import refresh_trade_figures

STATUS_TIMES = {
    Order.Status.PAID: "paid_at",
    Order.Status.SENT: "sent_at",
    Order.Status.DONE: "done_at",
    Order.Status.CLOSED: "closed_at",
}
# An order goes through these upwards. A held one is at the stage that its hold tells.
STAGES = {
    Order.Status.UNPAID: 0,
    Order.Status.PAID: 1,
    Order.Status.HELD: 0,
    Order.Status.SENT: 2,
    Order.Status.DONE: 3,
    Order.Status.CLOSED: 3,
}
# What the staff write on an order, here or in the marketplace's tool, and the event that tells of an edit here.
STAFF_WORDS = ("memo", "flag")
# What changes of a hold when the order's source tells what has become of the order.
TOLD_OF_HOLD = ("status_before", "outcome", "decided_at")
EDITED = "order.changed"


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


def take_order(
    facts: OrderFacts,
    *,
    source: Source,
    buyer: Identity,
    at: datetime,
    door: Door = Door.ORDER,
    placed: bool = False,
    by: User | None = None,
    key: ApiKey | None = None,
) -> Intake:
    """Ask the gate and record the order, in one transaction under the shared intake lock.

    A number that is known in this source is answered with the recorded order and the gate is not asked, so repeating
    is safe, also when the buyer was banned meanwhile; where its buyer was unknown, it gets its customer. A refused
    order is not recorded. `placed`: a marketplace has accepted the order already, so it is recorded whatever the gate
    says of that moment. A review records the order as held, with what was told of its status in its hold. `by` or
    `key`: who brings it.
    """
    question = Question(
        buyer=buyer,
        door=door,
        at=at,
        order_number=facts.number,
        amount=facts.amount,
        placed_at=facts.ordered_at if placed else None,
        by=by,
        key=key,
    )
    with transaction.atomic():
        locks.share_intake()
        if known := Order.objects.filter(source=source, number=facts.number).first():
            return Intake(order=_with_buyer(known, buyer, at=at), decision=None, created=False)
        decision = gates.ask(question)
        if decision.outcome is Outcome.REFUSE and not placed:
            return Intake(order=None, decision=decision, created=False)
        try:
            with transaction.atomic():
                order = _record(facts, source=source, buyer=buyer, at=at, by=None if key else by)
                if door is Door.ENTRY:
                    audit.record("order.added", Order.objects.filter(pk=order.pk), by=by, at=at)
                if decision.outcome is Outcome.REVIEW and not placed:
                    hold_new(order, code=decision.code, at=at)
        except IntegrityError:
            # the same number came in twice at the same moment, and the other one was first
            known = Order.objects.filter(source=source, number=facts.number).first()
            if known is None:
                raise
            return Intake(order=_with_buyer(known, buyer, at=at), decision=None, created=False)
        return Intake(order=order, decision=decision, created=True)


def _record(facts: OrderFacts, *, source: Source, buyer: Identity, at: datetime, by: User | None) -> Order:
    customer = keep_customer(buyer, at=at, by=by)
    order = Order.objects.create(
        source=source,
        number=facts.number,
        customer=customer,
        status=facts.status,
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
        refresh_trade_figures(Customer.objects.filter(pk=customer.pk), at=at)
    return order


class MayNotChangeOrder(PermissionDenied):
    """The staff user may not change the orders of this customer. The message says so."""


def update_order(order: Order, *, at: datetime, by: User | None = None, **facts: object) -> Order:
    """Write what changed of an order (status, payment, times, memo, flag) and keep its customer's trade figures.

    Accepts fields of Order by name. The time that belongs to a new status is set to `at` where none is told. A change
    of the staff's own words, memo and flag, is audited, so that an import leaves them alone from then on. An order that
    is held stays so when its payment is told, which its hold notes; that it was sent, is done or closed settles the
    hold. Repeating is safe. The gate is not asked: the order is already the shop's.

    Raises MayNotChangeOrder where a staff user does it who may not change the order's customer.
    """
    if by is not None and not Order.objects.editable_by(by).filter(pk=order.pk).exists():
        raise MayNotChangeOrder(_("You may not change the orders of this customer."))
    if order.status != Order.Status.HELD and not _news(order, facts, at=at):
        return order
    with transaction.atomic():
        written = {"status", "close_reason", *STATUS_TIMES.values(), *facts}
        order.refresh_from_db(fields=written, from_queryset=Order.objects.select_for_update())
        hold = _open_holds([order]).get(order.pk)
        changed = _apply(order, facts, hold=hold, at=at)
        if hold:
            update_rows(OrderHold, [hold], TOLD_OF_HOLD)
        if changed:
            order.save(update_fields=[*changed, "updated_at"])
        if edited := [name for name in STAFF_WORDS if name in changed]:
            audit.record(EDITED, Order.objects.filter(pk=order.pk), by=by, at=at, fields=edited)
        if changed and order.customer_id:
            refresh_trade_figures(Customer.objects.filter(pk=order.customer_id), at=at)
    return order


def update_orders(told: Mapping[int, Mapping[str, object]], *, at: datetime) -> list[int]:
    """Write what a marketplace's export tells of known orders, by id; return the ids of those that it changed.

    As `update_order` for each, for many in few statements, with two differences: an export may be older than what is
    recorded, so an order that it shows at an earlier stage is left alone; and memo and flag are written only as long as
    nobody has edited them here. Repeating is safe. Runs inside the caller's transaction.
    """
    orders = list(Order.objects.select_for_update().filter(pk__in=list(told)).order_by("pk"))
    holds = _open_holds(orders)
    changed = _apply_told(orders, told, holds=holds, at=at)
    update_rows(OrderHold, list(holds.values()), TOLD_OF_HOLD)
    columns = {name for names in changed.values() for name in names}
    update_rows(Order, [order for order in orders if order.pk in changed], columns)
    customers = {order.customer_id for order in orders if order.pk in changed and order.customer_id}
    if customers:
        refresh_trade_figures(Customer.objects.filter(pk__in=customers), at=at)
    return list(changed)


def would_change(told: Mapping[int, Mapping[str, object]], *, at: datetime) -> list[int]:
    """The ids of those orders that `update_orders` would change; writes nothing."""
    orders = list(Order.objects.filter(pk__in=list(told)))
    return list(_apply_told(orders, told, holds=_open_holds(orders), at=at))


def _open_holds(orders: Sequence[Order]) -> dict[int, OrderHold]:
    """The open holds of those of the orders that are held, by order id."""
    held = [order.pk for order in orders if order.status == Order.Status.HELD]
    return {hold.order_id: hold for hold in OrderHold.objects.open().filter(order__in=held)} if held else {}


def _apply_told(
    orders: Sequence[Order],
    told: Mapping[int, Mapping[str, object]],
    *,
    holds: Mapping[int, OrderHold],
    at: datetime,
) -> dict[int, list[str]]:
    """Set what is told on the objects; return the names of the fields that changed, by order id."""
    edited = _edited_here(orders, told)
    changed: dict[int, list[str]] = {}
    for order in orders:
        facts = {name: value for name, value in told[order.pk].items() if (order.pk, name) not in edited}
        hold = holds.get(order.pk)
        if is_older_news(facts, than=hold.status_before if hold else order.status):
            continue
        if names := _apply(order, facts, hold=hold, at=at):
            changed[order.pk] = names
    return changed


def is_older_news(told: Mapping[str, object], *, than: str) -> bool:
    """Whether an export shows an order at an earlier stage than this recorded status."""
    return STAGES[Order.Status(str(told.get("status", than)))] < STAGES[Order.Status(than)]


def identify_orders(buyers: Mapping[int, int], *, source: Source, at: datetime) -> list[int]:
    """Give orders (by id) whose buyer was unknown their customer (his id), and tell of them; return their ids.

    An order that has a customer keeps him. Repeating is safe. Runs inside the caller's transaction.
    """
    unknown = Order.objects.select_for_update().filter(pk__in=list(buyers), customer=None)
    orders = list(unknown.order_by("pk"))
    if not orders:
        return []
    for order in orders:
        order.customer_id = buyers[order.pk]
    update_rows(Order, orders, ["customer_id"])
    refresh_trade_figures(Customer.objects.filter(pk__in={order.customer_id for order in orders}), at=at)
    ids = [order.pk for order in orders]
    orders_identified.send(Order, orders=Order.objects.filter(pk__in=ids), source=source)
    return ids


def _apply(order: Order, facts: Mapping[str, object], *, hold: OrderHold | None, at: datetime) -> list[str]:
    """Set these facts, and what follows from them, on the objects; return the names of the order's changed fields."""
    news = _news(order, facts, hold=hold, at=at)
    if hold and "status" in news:
        _apply_to_hold(hold, news, at=at)
    changed = [name for name, value in news.items() if getattr(order, name) != value]
    for name in changed:
        setattr(order, name, news[name])
    return changed


def _news(
    order: Order, facts: Mapping[str, object], *, at: datetime, hold: OrderHold | None = None
) -> dict[str, object]:
    """What is told, and what follows from it, as far as it is not recorded. A held order is what its hold tells."""
    news = dict(facts)
    before = hold.status_before if hold else order.status
    if hold and news.get("paid_at"):
        # whoever tells of a held order does not see the status that it will have
        news.setdefault("status", max(before, Order.Status.PAID, key=lambda status: STAGES[Order.Status(status)]))
    status = Order.Status(str(news.get("status", before)))
    time_field = STATUS_TIMES.get(status)
    if status != before and time_field and not news.get(time_field) and not getattr(order, time_field):
        news[time_field] = at
    if status != Order.Status.CLOSED:
        news["close_reason"] = ""
    recorded = {"status": before}
    return {name: value for name, value in news.items() if recorded.get(name, getattr(order, name)) != value}


def _apply_to_hold(hold: OrderHold, news: dict[str, object], *, at: datetime) -> None:
    """Payment leaves the order held, and is what it is released to; whatever is further on settles the hold."""
    if news["status"] in Order.HOLDABLE:
        hold.status_before = str(news.pop("status"))
    else:
        hold.outcome, hold.decided_at = OrderHold.Outcome.TOLD, at


def _edited_here(orders: Sequence[Order], told: Mapping[int, Mapping[str, object]]) -> set[tuple[int, str]]:
    """Order ids and field names of those of the staff's words that an export tells otherwise and a person edited."""
    differing = [
        order.pk for order in orders for name in STAFF_WORDS if getattr(order, name) != told[order.pk].get(name)
    ]
    rows = EventRow.objects.filter(model=Order._meta.label_lower, row_id__in=differing, event__verb=EDITED)
    fields = rows.values_list("row_id", "event__fields")
    return {(pk, name) for pk, names in (fields if differing else ()) for name in names if name in STAFF_WORDS}


def _with_buyer(order: Order, buyer: Identity, *, at: datetime) -> Order:
    """The order, with its customer where it had none and the buyer is now told."""
    if order.customer_id is None and (customer := keep_customer(buyer, at=at)):
        identify_orders({order.pk: customer.pk}, source=order.source, at=at)
        order.refresh_from_db()
    return order

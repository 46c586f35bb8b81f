"""Orders that wait for a person's review (暂缓): holding, releasing and closing them. Every door comes through here.

Whoever changes a hold locks the row of its order first, then looks whether the hold is still open: so of two who decide
at the same moment one is told that nothing is held any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.bulk import in_batches, insert_from
from customers.models import Agent, Customer, Deputyship, Order, OrderHold, Refund, User
from customers.parts import HoldEntry, NotificationKind, parts
from customers.signals import order_closed, orders_held, orders_released

from . import audit
from .notifications import notify
from .staff import who_may
from .trade_figures import refresh_trade_figures

if TYPE_CHECKING:
    from customers.models.order import OrderQuerySet
    from customers.models.order_hold import OrderHoldQuerySet

HELD, RELEASED, CLOSED = "order.held", "order.released", "order.closed"
# The number of the refund of an order whose unnumbered one has been paid back already.
FURTHER_REFUND = "closing"


class MayNotReview(PermissionDenied):
    """The staff user may not decide about this order. The message says who may."""


class MayNotRefund(PermissionDenied):
    """The staff user may not close a paid order. The message says who may."""


class NothingHeld(Exception):
    """The order does not wait for review, or no longer: somebody else has decided, or it was released by itself."""


def hold_words(code: str) -> str:
    """Why an order is held, in the language that is active; a code that nobody knows any more says its name."""
    return str(parts.hold_reasons.get(code, code))


def entries(holds: Collection[int]) -> dict[int, HoldEntry]:
    """What made the orders of these holds (by id) wait, of those where it is known."""
    found: dict[int, HoldEntry] = {}
    for find in parts.hold_entries:
        found.update(find(holds))
    return found


def _tell_held(parameters: Mapping[str, Any]) -> str:
    said = {**parameters, "why": hold_words(parameters["code"])}
    if parameters["count"] == 1:
        return _("Order %(number)s waits for review: %(why)s.") % said
    sentence = ngettext(
        "%(count)s order of your customers waits for review: %(why)s.",
        "%(count)s orders of your customers wait for review: %(why)s.",
        parameters["count"],
    )
    return sentence % said


ORDER_HELD = NotificationKind(
    name="order_held", label=gettext_lazy("an order of my customer waits for review"), tell=_tell_held
)


# Holding ------------------------------------------------------------------------------------------------------------


def hold_orders(orders: OrderQuerySet, *, code: str, by: User | None, at: datetime) -> int:
    """Hold those of the orders that are unpaid, or paid and not sent, and tell their agents; return how many.

    `code` is one of `parts.hold_reasons`. Repeating is safe. The rights are the caller's.
    """
    return _hold(orders.holdable(), code=code, by=by, at=at)


def hold_new(order: Order, *, code: str, at: datetime) -> None:
    """Hold an order that was recorded just now, because the gate wants a review, whatever was told of it."""
    _hold(Order.objects.filter(pk=order.pk), code=code, by=None, at=at)
    order.refresh_from_db()


def _hold(orders: OrderQuerySet, *, code: str, by: User | None, at: datetime) -> int:
    with transaction.atomic():
        # By their ids: once they are held, nothing else tells them apart.
        held = Order.objects.filter(pk__in=lock_orders(orders))
        if not held.exists():
            return 0
        audit.record(HELD, held, by=by, at=at, fields=["status"])
        count = insert_from(
            OrderHold, held, order=F("pk"), code=code, status_before=F("status"), held_at=at, held_by=by
        )
        held.update(status=Order.Status.HELD, updated_at=at)
        holds = OrderHold.objects.open().filter(order__in=held.values("pk"))
        _tell_agents(holds, code=code, by=by, at=at)
        orders_held.send(sender=OrderHold, holds=holds, by=by, at=at)
        return count


def lock_orders(orders: OrderQuerySet) -> list[int]:
    """Wait for whoever changes these orders, keep off others until the transaction ends, and return their ids.

    What was read before the lock may be old; those that meanwhile are none of `orders` any more are left out.
    """
    rows = Order.objects.filter(pk__in=orders.order_by().values("pk")).order_by("pk").select_for_update()
    locked = list(rows.values_list("pk", flat=True))
    return list(orders.filter(pk__in=locked).order_by().values_list("pk", flat=True)) if locked else []


def _tell_agents(holds: OrderHoldQuerySet, *, code: str, by: User | None, at: datetime) -> None:
    """One news for each agent, however many of his customers' orders are held; the one who held them knows."""
    agents = holds.order_by().values_list("order__customer__agent").annotate(count=Count("pk"), first=Min("pk"))
    for agent, count, first in agents:
        hold = OrderHold.objects.select_related("order").get(pk=first)
        url = hold.get_absolute_url() if count == 1 else reverse("admin:customers_orderhold_changelist")
        told = {"count": count, "number": hold.order.number if count == 1 else "", "code": code}
        users = _responsible(agent, at=at)
        notify(users.exclude(pk=by.pk) if by else users, ORDER_HELD.name, at=at, url=url, parameters=told)


def _responsible(agent: int | None, *, at: datetime) -> QuerySet[User]:
    """The exclusive agent and whoever stands in for him; the leads where there is nobody of them."""
    leads = who_may("customers.review_any_order")
    if agent is None:
        return leads
    own = Agent.objects.filter(pk=agent, is_active=True)
    deputies = Deputyship.objects.in_force(at).filter(agent=agent)
    users = User.objects.filter(Q(pk__in=own.values("user")) | Q(pk__in=deputies.values("deputy__user")))
    return users if users.filter(is_active=True).exists() else leads


# Releasing ----------------------------------------------------------------------------------------------------------


def release(order: Order, *, by: User, at: datetime, reason: str = "") -> OrderHold:
    """Let a held order go on as what it was, or as paid where it was paid meanwhile; return its hold.

    Raises MayNotReview without the right, NothingHeld where nobody has to decide (any more).
    """
    with transaction.atomic():
        hold = _open_hold(order, by=by, at=at)
        holds = OrderHold.objects.filter(pk=hold.pk)
        release_holds(holds, outcome=OrderHold.Outcome.RELEASED, by=by, at=at, reason=reason)
        order.refresh_from_db()
        return holds.get()


def release_overdue(*, at: datetime) -> int:
    """Release what nobody has decided on in time; return how many. The scheduler calls it; repeating is safe."""
    count = 0
    for holds in in_batches(OrderHold.objects.overdue(at)):
        with transaction.atomic():
            count += release_holds(holds, outcome=OrderHold.Outcome.OVERDUE, by=None, at=at)
    return count


def release_holds(
    holds: OrderHoldQuerySet, *, outcome: OrderHold.Outcome, by: User | None, at: datetime, reason: str = ""
) -> int:
    """Release the orders of those of the holds that are open; return how many. Repeating is safe.

    In a fixed number of statements. The rights are the caller's.
    """
    with transaction.atomic():
        waiting = Order.objects.filter(pk__in=holds.open().order_by().values("order"))
        released = Order.objects.filter(pk__in=lock_orders(waiting))
        if not released.exists():
            return 0
        audit.record(RELEASED, released, by=by, at=at, fields=["status"], reason=reason)
        still_open = OrderHold.objects.open()
        before = still_open.filter(order=OuterRef("pk")).values("status_before")
        released.update(status=Subquery(before[:1]), updated_at=at)
        count = still_open.filter(order__in=released.values("pk")).update(
            outcome=outcome, decided_at=at, decided_by=by, reason=reason.strip()[:200]
        )
        decided = OrderHold.objects.filter(order__in=released.values("pk"), decided_at=at)
        orders_released.send(sender=OrderHold, holds=decided, by=by, at=at)
        return count


# Closing ------------------------------------------------------------------------------------------------------------


def close_order(order: Order, *, by: User, at: datetime, reason: str, refund: bool = False) -> Order:
    """Close a held order, with a reason; with `refund` a paid one, whose money is then asked back; return it.

    Raises MayNotReview without the right, MayNotRefund for a paid order without the right to refund, NothingHeld where
    nobody has to decide (any more), ValidationError without a reason, or where `refund` does not fit what was paid.
    """
    with transaction.atomic():
        hold = _open_hold(order, by=by, at=at)
        return _close(hold.order, hold, by=by, at=at, reason=reason, refund=refund)


def close_open_order(order: Order, *, by: User, at: datetime, reason: str, refund: bool = False) -> Order:
    """Close an order that is not sent yet, held or not; the right to decide about the order is the caller's.

    The order's row is locked by the caller, who knows that it is open. Raises as `close_order`.
    """
    with transaction.atomic():
        hold = OrderHold.objects.open().filter(order=order).first()
        return _close(order, hold, by=by, at=at, reason=reason, refund=refund)


def is_paid(order: Order, hold: OrderHold | None) -> bool:
    """Whether money of the buyer is there, so that closing the order means giving it back."""
    status = order.status if hold is None else hold.status_before
    return status != Order.Status.UNPAID or order.paid_amount > 0


def why_not_closed(order: Order, hold: OrderHold | None, user: User) -> str:
    """Why this staff user, who may decide about the order, may only release it; empty where he may close it."""
    if is_paid(order, hold) and not user.has_perm("customers.refund_order"):
        return _("Order %(number)s is paid, so only a manager closes it, with a refund.") % {"number": order.number}
    return ""


def _close(order: Order, hold: OrderHold | None, *, by: User, at: datetime, reason: str, refund: bool) -> Order:
    reason = _given(reason)
    _check_refund(order, hold, refund=refund, by=by)
    order.status, order.close_reason, order.closed_at = Order.Status.CLOSED, reason, at
    order.save(update_fields=["status", "close_reason", "closed_at", "updated_at"])
    if hold:
        hold.outcome, hold.decided_at, hold.decided_by, hold.reason = OrderHold.Outcome.CLOSED, at, by, reason
        hold.save(update_fields=["outcome", "decided_at", "decided_by", "reason"])
    asked = _ask_refund(order, at=at, reason=reason) if refund else None
    row = Order.objects.filter(pk=order.pk)
    audit.record(CLOSED, row, by=by, at=at, fields=["status", "close_reason"], reason=reason)
    if order.customer_id:
        refresh_trade_figures(Customer.objects.filter(pk=order.customer_id), at=at)
    order_closed.send(sender=Order, order=order, refund=asked, by=by, at=at)
    return order


def _given(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the order is closed.")})
    return reason.strip()[:200]


def _check_refund(order: Order, hold: OrderHold | None, *, refund: bool, by: User) -> None:
    if why_not := why_not_closed(order, hold, by):
        raise MayNotRefund(why_not)
    said = {"number": order.number}
    if is_paid(order, hold) and not refund:
        raise ValidationError({"refund": _("Order %(number)s is paid, so it is closed with a refund only.") % said})
    if refund and not is_paid(order, hold):
        raise ValidationError({"refund": _("Order %(number)s is not paid: there is nothing to refund.") % said})


def _ask_refund(order: Order, *, at: datetime, reason: str) -> Refund | None:
    """Ask back what was paid and neither went back nor is asked back already; None where nothing is left.

    Where it can, in the one row without a number that an import of refunds keeps up.
    """
    refunds = Refund.objects.filter(order=order)
    number = FURTHER_REFUND if refunds.filter(number="", status=Refund.Status.PAID).exists() else ""
    others = refunds.exclude(number=number).exclude(status=Refund.Status.REFUSED)
    amount = (order.paid_amount or order.amount) - sum(others.values_list("amount", flat=True), Decimal(0))
    if amount <= 0:
        return None
    facts = {"amount": amount, "status": Refund.Status.ASKED, "reason": reason, "asked_at": at, "settled_at": None}
    refund, _created = Refund.objects.update_or_create(order=order, number=number, defaults=facts)
    return refund


# Who decides --------------------------------------------------------------------------------------------------------


def _open_hold(order: Order, *, by: User, at: datetime) -> OrderHold:
    """The open hold of the order, whose row is locked from now on."""
    if why_not := why_may_not_review(order, by, at=at):
        raise MayNotReview(why_not)
    Order.objects.select_for_update().filter(pk=order.pk).first()
    hold = OrderHold.objects.open().filter(order=order).select_related("order__source").first()
    if hold is None:
        raise NothingHeld(_("Order %(number)s does not wait for review, or no longer.") % {"number": order.number})
    return hold


def why_may_not_review(order: Order, user: User, *, at: datetime) -> str:
    """Why this staff user may not decide about the order; empty where he may."""
    if Order.objects.reviewable_by(user, at=at).filter(pk=order.pk).exists():
        return ""
    agent = order.customer.agent if order.customer else None
    if agent is None:
        return _("This buyer has no exclusive agent, so only a lead or a manager decides about the order.")
    only = _("Only this customer's exclusive agent (%(agent)s), a lead or a manager decides about the order.")
    return only % {"agent": agent}

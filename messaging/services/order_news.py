"""What endpoints are told of orders: that one waits for review, was released, or was closed here.

Each endpoint is told of the orders of its own source, in the transaction of what happened.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from customers.bulk import in_batches
from customers.models import Order, OrderHold, Refund
from customers.services.order_holds import CLOSED, HELD, RELEASED

from . import outbox

if TYPE_CHECKING:
    from customers.models.order_hold import OrderHoldQuerySet


def tell_held(holds: OrderHoldQuerySet, *, at: datetime) -> None:
    _tell(HELD, holds, at=at)


def tell_released(holds: OrderHoldQuerySet, *, at: datetime) -> None:
    """`outcome` tells whether a person did it, or nobody decided in time."""
    _tell(RELEASED, holds, at=at)


def tell_closed(order: Order, refund: Refund | None, *, at: datetime) -> None:
    """`refund`: money that is to go back to the buyer, null where none is."""
    asked = None if refund is None else {"id": refund.pk, "amount": str(refund.amount), "status": refund.status}
    data = {"order": _order(order), "reason": order.close_reason, "refund": asked, "at": at.isoformat()}
    outbox.tell_endpoints(CLOSED, data, source=order.source, at=at)


def _tell(event: str, holds: OrderHoldQuerySet, *, at: datetime) -> None:
    """Two statements for each stretch of holds, however many orders a bulk action holds."""
    for endpoint in outbox.listening():
        for stretch in in_batches(holds.filter(order__source=endpoint.source)):
            rows = stretch.select_related("order__source").order_by("pk")
            outbox.tell_endpoint(endpoint, [(event, _hold(hold)) for hold in rows], at=at)


def _hold(hold: OrderHold) -> dict[str, Any]:
    released_at = hold.released_at() if hold.decided_at is None else None
    return {
        "order": _order(hold.order),
        "code": hold.code,
        "status_before": hold.status_before,
        "held_at": hold.held_at.isoformat(),
        "released_by_itself_at": released_at.isoformat() if released_at else None,
        "outcome": hold.outcome,
        "reason": hold.reason,
        "decided_at": hold.decided_at.isoformat() if hold.decided_at else None,
    }


def _order(order: Order) -> dict[str, Any]:
    facts = {"id": order.pk, "source": order.source.code, "number": order.number, "customer": order.customer_id}
    return {**facts, "status": order.status}

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, OuterRef, Subquery

from blocklist.models import Attempt, Ban
from customers.bulk import insert_from
from customers.gates import Door, Question

if TYPE_CHECKING:
    from customers.models.order import OrderQuerySet

# Why an attempt was logged: a stable code, the gate's answer to the storefront.
PURCHASE_BANNED = "purchase_banned"


def log_attempt(ban: Ban, *, question: Question, code: str) -> Attempt:
    """Record that a banned buyer tried to buy, or bought all the same where the order was placed already."""
    buyer = question.buyer
    named_by = [name for name in ("nick", "external_id", "phone", "email", "address") if getattr(buyer, name)]
    return Attempt.objects.create(
        at=question.at,
        outcome=Attempt.Outcome.DESPITE if question.placed else Attempt.Outcome.REFUSED,
        code=code,
        door=question.door,
        source_id=buyer.source_id,
        customer_id=ban.customer_id,
        ban=ban,
        identifiers=named_by,
        order_number=question.order_number,
        amount=question.amount,
    )


def log_bought_despite(orders: OrderQuerySet) -> int:
    """Record those of the newly imported orders that were placed while their buyer was banned; return how many."""
    bans = Ban.objects.in_force(OuterRef("ordered_at")).filter(customer=OuterRef("customer")).order_by("pk")
    despite = orders.annotate(ban_id=Subquery(bans.values("pk")[:1])).filter(ban_id__isnull=False)
    return insert_from(
        Attempt,
        despite,
        at=F("ordered_at"),
        outcome=Attempt.Outcome.DESPITE,
        code=PURCHASE_BANNED,
        door=Door.IMPORT,
        source=F("source_id"),
        customer=F("customer_id"),
        ban=F("ban_id"),
        identifiers=["external_id"],
        order_number=F("number"),
        amount=F("amount"),
    )

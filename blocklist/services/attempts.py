from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, OuterRef, Subquery

from blocklist.models import Attempt, Ban
from customers.bulk import insert_from
from customers.gates import Door, Outcome, Question

from .verdicts import Finding

if TYPE_CHECKING:
    from customers.models.order import OrderQuerySet


def log_attempt(hit: Finding, *, question: Question) -> Attempt | None:
    """Record what the gate did not simply allow: who asked about whom, by which identifiers, and which rule hit.

    An order that was placed already is recorded where the gate would have refused it: it was bought despite a ban.
    """
    if question.placed and hit.outcome is not Outcome.REFUSE:
        return None
    buyer = question.buyer
    named_by = [name for name in ("nick", "external_id", "phone", "email", "address") if getattr(buyer, name)]
    answered = Attempt.Outcome.REFUSED if hit.outcome is Outcome.REFUSE else Attempt.Outcome.REVIEW
    return Attempt.objects.create(
        at=question.at,
        outcome=Attempt.Outcome.DESPITE if question.placed else answered,
        code=hit.code,
        door=question.door,
        source_id=buyer.source_id,
        customer_id=hit.buyer_id,
        ban_id=hit.ban_id,
        watch_id=hit.watch_id,
        key=question.key,
        by=question.by,
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
        code=Attempt.Code.PURCHASE_BANNED,
        door=Door.IMPORT,
        source=F("source_id"),
        customer=F("customer_id"),
        ban=F("ban_id"),
        identifiers=["external_id"],
        order_number=F("number"),
        amount=F("amount"),
    )

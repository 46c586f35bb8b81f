from __future__ import annotations

from blocklist.models import Attempt, Ban
from customers.gates import Door, Question

DOORS = {Door.CHECK: Attempt.Door.CHECK, Door.ORDER: Attempt.Door.ORDER}


def log_attempt(ban: Ban, *, question: Question, code: str) -> Attempt:
    """Record that a banned buyer tried to buy, or bought all the same where the order was placed already."""
    buyer = question.buyer
    named_by = [name for name in ("nick", "external_id", "phone", "email", "address") if getattr(buyer, name)]
    return Attempt.objects.create(
        at=question.at,
        outcome=Attempt.Outcome.DESPITE if question.placed else Attempt.Outcome.REFUSED,
        code=code,
        door=DOORS[question.door],
        source_id=buyer.source_id,
        customer_id=ban.customer_id,
        ban=ban,
        identifiers=named_by,
        order_number=question.order_number,
        amount=question.amount,
    )

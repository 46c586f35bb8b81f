"""The gate of the blocklist: a banned buyer's order is refused, by whichever of his identifiers he is named."""

from __future__ import annotations

from customers.gates import ALLOWED, Decision, Outcome, PurchaseGate, Question
from customers.models import Customer

from .models import Ban
from .public_text import refusal_text
from .services.attempts import PURCHASE_BANNED, log_attempt


class BanGate(PurchaseGate):
    """One query when it allows; the query and one short write when it refuses."""

    def decide(self, question: Question) -> Decision:
        customers = Customer.objects.matching(question.buyer)
        ban = Ban.objects.standing(question.at).filter(customer__in=customers).order_by("pk").first()
        if ban is None:
            return ALLOWED
        log_attempt(ban, question=question, code=PURCHASE_BANNED)
        return Decision(outcome=Outcome.REFUSE, code=PURCHASE_BANNED, public_message=refusal_text(), ban_id=ban.pk)

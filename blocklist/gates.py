"""The gate of the blocklist: a banned buyer's order is refused, by whichever of his identifiers he is named."""

from __future__ import annotations

from functools import cache

from django.db.models import BigIntegerField, CharField, DateTimeField

from customers.gates import ALLOWED, Decision, Outcome, PurchaseGate, Question
from customers.models import Customer
from customers.prepared import Prepared, Slot

from .models import Ban
from .public_text import refusal_text
from .services.attempts import PURCHASE_BANNED, log_attempt


class BanGate(PurchaseGate):
    """One query when it allows; the query and one short write when it refuses."""

    def decide(self, question: Question) -> Decision:
        names = question.buyer.names()
        if not names:
            return ALLOWED
        ban = _standing_ban(tuple(names)).first(at=question.at, source=question.buyer.source_id, **names)
        if ban is None:
            return ALLOWED
        log_attempt(ban, question=question, code=PURCHASE_BANNED)
        return Decision(outcome=Outcome.REFUSE, code=PURCHASE_BANNED, public_message=refusal_text(), ban_id=ban.pk)


@cache
def _standing_ban(names: tuple[str, ...]) -> Prepared[Ban]:
    """The ban in force on whoever is named so; there is one query for each choice of identifiers."""
    slots = {name: Slot(name, CharField()) for name in names}
    customers = Customer.objects.named_by(Slot("source", BigIntegerField()), slots)
    return Prepared(Ban.objects.standing(Slot("at", DateTimeField())).filter(customer__in=customers).order_by("pk")[:1])

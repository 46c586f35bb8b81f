"""The gate of the blocklist: may this buyer buy, by whichever of his identifiers he is named?"""

from __future__ import annotations

from functools import cache

from django.db.models import BigIntegerField, CharField, DateTimeField

from customers.gates import ALLOWED, Decision, Outcome, PurchaseGate, Question
from customers.prepared import PreparedValues, Slot

from .models import candidates
from .models.standing import by_names
from .public_text import refusal_text, review_text
from .services.attempts import log_attempt
from .services.verdicts import findings


class BanGate(PurchaseGate):
    """One query when it allows; the query and one short write when it does not."""

    def decide(self, question: Question) -> Decision:
        names = question.buyer.names()
        if not names:
            return ALLOWED
        prepared = _candidates(tuple(names), question.placed_at is not None)
        at = question.placed_at or question.at
        against = findings(prepared.all(at=at, source=question.buyer.source_id, **names))
        if not against:
            return ALLOWED
        hit = against[0]
        log_attempt(hit, question=question)
        return Decision(
            outcome=hit.outcome,
            code=hit.code.value,
            public_message=refusal_text() if hit.outcome is Outcome.REFUSE else review_text(),
            reason=hit.code.label,
            customer_id=hit.buyer_id,
            ban_id=hit.ban_id,
            watch_id=hit.watch_id,
        )


@cache
def _candidates(names: tuple[str, ...], past: bool) -> PreparedValues:
    """Whom such identifiers name and what stands against them; there is one query for each choice of identifiers."""
    slots = {name: Slot(name, CharField()) for name in names}
    leads = by_names(slots, Slot("source", BigIntegerField()))
    return PreparedValues(candidates(leads, at=Slot("at", DateTimeField()), past=past))

"""The purchase gate (下单校验): the one place that answers "may this buyer buy now?".

The gates themselves live in upper apps; the setting `PURCHASE_GATES` names their classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from functools import cache

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from .identity import Identity


class Outcome(IntEnum):
    """The strictest of several answers is the largest."""

    ALLOW = 0
    REVIEW = 1
    REFUSE = 2


class Door(models.TextChoices):
    """Where the question comes from."""

    CHECK = "check", _("purchase check")
    ORDER = "order", _("order")
    IMPORT = "import", _("import")


@dataclass(frozen=True)
class Question:
    """Who wants to buy what. `placed`: a marketplace has already accepted the order, so the answer is only recorded."""

    buyer: Identity
    door: Door
    at: datetime
    order_number: str = ""
    amount: Decimal | None = None
    placed: bool = False


@dataclass(frozen=True)
class Decision:
    """The gate's answer. `public_message` is for the buyer and names no reason."""

    outcome: Outcome = Outcome.ALLOW
    code: str = "allowed"
    public_message: str = ""
    ban_id: int | None = None


ALLOWED = Decision()


class PurchaseGate:
    """Base of a gate. It returns its decision and never raises: an exception would roll its own log back."""

    def decide(self, question: Question) -> Decision:
        raise NotImplementedError


@cache
def _gates(paths: tuple[str, ...]) -> list[PurchaseGate]:
    return [import_string(path)() for path in paths]


def ask(question: Question) -> Decision:
    """The strictest decision of all gates. Refusals are logged by the gate that refuses."""
    decisions = [gate.decide(question) for gate in _gates(tuple(settings.PURCHASE_GATES))]
    return max(decisions, key=lambda decision: decision.outcome, default=ALLOWED)

"""The purchase gate (下单校验): the one place that answers "may this buyer buy now?".

The gates themselves live in upper apps; the setting `PURCHASE_GATES` names their classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from .identity import Identity

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from .models import ApiKey, User


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
    PANEL = "panel", _("question in the panel")
    ENTRY = "entry", _("order entered in the panel")


@dataclass(frozen=True)
class Question:
    """Who wants to buy what, and who asks: a member of the staff, a key, or a key that acts as one.

    `placed_at`: a marketplace accepted the order then, so the answer for that moment is only recorded.
    """

    buyer: Identity
    door: Door
    at: datetime
    order_number: str = ""
    amount: Decimal | None = None
    placed_at: datetime | None = None
    by: User | None = None
    key: ApiKey | None = None


@dataclass(frozen=True)
class Decision:
    """The gate's answer. `public_message` is for the buyer and names no reason; `reason` is for the staff alone.

    The customer is the one who buys, as far as the shop knows him; ban and watch are the entry that hit.
    """

    outcome: Outcome = Outcome.ALLOW
    code: str = "allowed"
    public_message: str = ""
    reason: StrOrPromise = ""
    customer_id: int | None = None
    ban_id: int | None = None
    watch_id: int | None = None


ALLOWED = Decision()


class PurchaseGate:
    """Base of a gate. It returns its decision and never raises: an exception would roll its own log back."""

    def decide(self, question: Question) -> Decision:
        raise NotImplementedError


@cache
def _gates(paths: tuple[str, ...]) -> list[PurchaseGate]:
    return [import_string(path)() for path in paths]


def ask(question: Question) -> Decision:
    """The strictest decision of all gates. What is not simply allowed is logged by the gate that says so."""
    decisions = [gate.decide(question) for gate in _gates(tuple(settings.PURCHASE_GATES))]
    return max(decisions, key=lambda decision: decision.outcome, default=ALLOWED)

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from customers.models import Customer
from customers.parts import Answer, parts

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def contactability(customer: Customer, *, seen: CustomerQuerySet, at: datetime) -> list[Answer]:
    """Whether he can buy, and be messaged on each channel, at that moment, with each reason against it.

    `seen` are the customers whom whoever asks may see: nothing is told of others. The nearest app answers first: it is
    ready last.
    """
    return [answer for part in reversed(parts.contactability) for answer in part.answers(customer, seen, at)]

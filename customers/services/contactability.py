from __future__ import annotations

from datetime import datetime

from customers.models import Customer
from customers.parts import Answer, parts


def contactability(customer: Customer, *, at: datetime) -> list[Answer]:
    """Whether he can buy, and be messaged on each channel, at that moment, with each reason against it.

    The nearest app answers first: it is ready last.
    """
    return [answer for part in reversed(parts.contactability) for answer in part.answers(customer, at)]

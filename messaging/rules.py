"""Who may not be messaged, and why: the same conditions for preview, claim, look before sending and customer page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, Exists, OuterRef, Value, When

from blocklist.models import awaiting_ban, banned, banned_by_link
from customers.models import Customer

from .channels import Channel
from .models import Delivery, OptOut

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def exclusion(channel: Channel, *, customer: str, at: datetime) -> Case:
    """The reason why a customer gets nothing on this channel at that moment, empty where he may be messaged.

    `customer` is the column of the outer query that holds the customer's id.
    """
    return _first([when for whens in obstacles(channel, customer=customer, at=at) for when in whens])


def obstacles(channel: Channel, *, customer: str, at: datetime) -> list[list[When]]:
    """What keeps him from getting anything: questions that do not depend on each other, the gravest first.

    The answer to each is the first of its reasons that holds.
    """
    this = Customer.objects.filter(pk=OuterRef(customer))
    opted_out = Exists(OptOut.objects.against(channel.name).filter(customer=OuterRef(customer)))
    return [
        [
            When(Exists(banned(this, at=at)), then=Value(Delivery.Reason.BANNED)),
            When(Exists(banned_by_link(this, at=at)), then=Value(Delivery.Reason.LINKED)),
            When(Exists(awaiting_ban(this)), then=Value(Delivery.Reason.BAN_WAITS)),
        ],
        [When(opted_out, then=Value(Delivery.Reason.OPTED_OUT))],
        channel.obstacles(this),
    ]


def all_exclusions(customer: CustomerQuerySet, channels: Iterable[Channel], *, at: datetime) -> dict[str, list[str]]:
    """Every reason that holds for the one customer, by the channel's name, in one query."""
    asked = [
        (channel.name, _first(whens)) for channel in channels for whens in obstacles(channel, customer="pk", at=at)
    ]
    found = customer.values_list(*(reason for _channel, reason in asked)).get()
    reasons: dict[str, list[str]] = {channel: [] for channel, _reason in asked}
    for (channel, _reason), code in zip(asked, found, strict=True):
        if code:
            reasons[channel].append(code)
    return reasons


def _first(whens: list[When]) -> Case:
    return Case(*whens, default=Value(Delivery.Reason.NONE), output_field=CharField())

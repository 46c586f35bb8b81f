"""Who may not be messaged, and why: one expression for the preview, the claim and the look before sending."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, CharField, Exists, OuterRef, Value, When

from blocklist.models import banned
from customers.models import Customer

from .channels import Channel
from .models import Delivery, OptOut


def exclusion(channel: Channel, *, customer: str, at: datetime) -> Case:
    """The reason why a customer gets nothing on this channel at that moment, empty where he may be messaged.

    `customer` is the column of the outer query that holds the customer's id.
    """
    this = Customer.objects.filter(pk=OuterRef(customer))
    opted_out = Value(Delivery.Reason.OPTED_OUT)
    return Case(
        When(Exists(banned(this, at=at)), then=Value(Delivery.Reason.BANNED)),
        When(Exists(OptOut.objects.against(channel.name).filter(customer=OuterRef(customer))), then=opted_out),
        *channel.obstacles(this),
        default=Value(Delivery.Reason.NONE),
        output_field=CharField(),
    )

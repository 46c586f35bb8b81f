from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from messaging.models import Broadcast, Delivery

from .base import Channel, ChannelError

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet

# What was sent: pairs of broadcast id and customer id.
outbox: list[tuple[int, int]] = []


class LocmemChannel(Channel):
    """The twin for tests: keeps what it sends in memory."""

    label = _("memory (tests)")
    unreachable_reason = Delivery.Reason.NO_ACCOUNT
    batch_size = 100

    def reachable(self, customers: CustomerQuerySet) -> CustomerQuerySet:
        return customers

    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        outbox.extend((broadcast.pk, customer) for customer in deliveries.values_list("customer", flat=True))


class FailingChannel(LocmemChannel):
    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        raise ChannelError("refused")

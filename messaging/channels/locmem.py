from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import When
from django.utils.translation import gettext_lazy as _

from messaging.models import Broadcast

from .base import Channel, ChannelError

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet

# What was sent: pairs of broadcast id and customer id.
outbox: list[tuple[int, int]] = []


class LocmemChannel(Channel):
    """The twin for tests: keeps what it sends in memory."""

    label = _("memory (tests)")
    batch_size = 100

    def obstacles(self, customer: CustomerQuerySet) -> list[When]:
        return []

    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        outbox.extend((broadcast.pk, customer) for customer in deliveries.values_list("customer", flat=True))


class FailingChannel(LocmemChannel):
    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        raise ChannelError("refused")

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from messaging.models import Broadcast, Delivery

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet


class ChannelError(Exception):
    """The channel could not send these deliveries and trying again will not help."""


class Channel:
    """Base of a channel: who can be reached on it, and sending. The setting CHANNELS names its class."""

    label: ClassVar[StrOrPromise]
    # Why a customer who cannot be reached on this channel is excluded.
    unreachable_reason: ClassVar[Delivery.Reason]
    # Rows of one claim; at most what the channel sends in ten seconds.
    batch_size: int

    def reachable(self, customers: CustomerQuerySet) -> CustomerQuerySet:
        """Those of the customers who have an address on this channel."""
        raise NotImplementedError

    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        """Send these deliveries; runs inside the transaction that marks them as sent. Raises ChannelError."""
        raise NotImplementedError

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar

from django.db.models import When

from messaging.models import Broadcast

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet


class ChannelError(Exception):
    """The channel could not send these deliveries and trying again will not help."""


class Channel:
    """Base of a channel: who can be reached on it, and how. The setting CHANNELS names its class.

    A subclass either sends a whole claim inside the database (`send`), or leaves the building (OutsideChannel).
    """

    label: ClassVar[StrOrPromise]
    # Rows of one claim; at most what the channel sends in ten seconds.
    batch_size: int
    # How long a claim is kept for a worker that does not come back: at least three times its longest stall.
    lease: ClassVar[timedelta] = timedelta(seconds=60)

    def __init__(self, name: str) -> None:
        self.name = name

    def obstacles(self, customer: CustomerQuerySet) -> list[When]:
        """Why a customer cannot be reached on this channel: a Delivery.Reason under its condition, the first one holds.

        `customer` is the one row that is asked about. An address is asked for here, and so is a consent.
        """
        raise NotImplementedError

    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        """Send these deliveries; runs inside the transaction that marks them as sent. Raises ChannelError."""
        raise NotImplementedError


class Outcome(Enum):
    """What became of one message that left the building."""

    SENT = auto()
    BAD_ADDRESS = auto()  # the address does not exist; trying again will not help
    REFUSED = auto()  # this message is refused for good, the address may be right
    LATER = auto()  # refused for now
    LOST = auto()  # the connection broke half-way: perhaps it arrived, perhaps not
    DOWN = auto()  # the provider cannot be reached or takes nothing from us: nothing was tried


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message that leaves the building is for. The address is in memory only, for as long as the batch."""

    delivery: int
    customer: int
    attempts: int
    address: str
    nick: str
    language: str


class Connection:
    """One kept-alive connection to a provider. It connects when the first message is sent."""

    def send(self, recipient: Recipient, *, at: datetime) -> Outcome:
        """Send one message. After LOST and DOWN the connection is over. Never raises for what a provider does."""
        raise NotImplementedError


class OutsideChannel(Channel):
    """A channel that leaves the building: messages go one by one and are settled in small groups."""

    def recipients(self, deliveries: DeliveryQuerySet) -> Sequence[Recipient]:
        """Those of the deliveries that are to be sent, with their addresses; without those who have none any more."""
        raise NotImplementedError

    def connect(self, broadcast: Broadcast) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def mark_bad(self, recipients: Sequence[Recipient]) -> None:
        """Note that these addresses do not exist."""
        raise NotImplementedError

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, F, Value, When
from django.utils.translation import gettext_lazy as _

from customers.bulk import insert_from
from messaging.models import Broadcast, Delivery, InboxMessage

from .base import Channel

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet


class InboxChannel(Channel):
    """Messages that the storefront shows to the customer who is signed in there. Sent by one INSERT … SELECT."""

    label = _("storefront inbox")

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        return int(settings.WRITE_BATCH)

    def obstacles(self, customer: CustomerQuerySet) -> list[When]:
        return [When(~Exists(customer.with_account()), then=Value(Delivery.Reason.NO_ACCOUNT))]

    def send(self, broadcast: Broadcast, deliveries: DeliveryQuerySet, *, at: datetime) -> None:
        insert_from(
            InboxMessage,
            deliveries,
            broadcast=broadcast,
            customer=F("customer"),
            sent_at=at,
            ignore_conflicts=True,
        )

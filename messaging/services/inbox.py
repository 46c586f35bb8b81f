"""The storefront inbox of a customer."""

from __future__ import annotations

from datetime import datetime

from messaging.models import InboxMessage


def mark_read(message: InboxMessage, *, at: datetime) -> InboxMessage:
    """Note when the customer first read the message. Repeating is safe: the first time stays."""
    if InboxMessage.objects.filter(pk=message.pk, read_at__isnull=True).update(read_at=at):
        message.read_at = at
    else:
        message.refresh_from_db(fields=["read_at"])
    return message

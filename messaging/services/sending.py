"""Sending: claim a batch, send it, settle it. A row that leaves the building was a row first.

Who is excluded is decided in the UPDATE that claims, once more before sending where that was a while ago, and never
from what planning saw.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, F, Value, When

from customers import locks
from messaging.channels import Channel, ChannelError, get_channel
from messaging.models import Broadcast, Delivery
from messaging.rules import exclusion

if TYPE_CHECKING:
    from messaging.models.delivery import DeliveryQuerySet

# At least three times the longest stall: a claim and its sending are ten seconds at most.
LEASE = timedelta(seconds=60)
# How old the last look at bans and addresses may be when a batch is sent.
FRESH = timedelta(seconds=0.5)
# A row that so many workers claimed and none settled is not claimed for ever.
MOST_ATTEMPTS = 5


def send_batch(*, clock: Callable[[], datetime]) -> bool:
    """Claim, send and settle one batch of the oldest broadcast that has one; return whether anything was to do."""
    for broadcast in Broadcast.objects.to_send().order_by("pk"):
        channel = get_channel(broadcast.channel)
        claimed_at = clock()
        if send_waiting(broadcast, channel, at=claimed_at):
            return True
        token = claim(broadcast, channel, at=claimed_at)
        if token is not None:
            deliver(broadcast, channel, token, looked_at=claimed_at, clock=clock)
            return True
        if _finish(broadcast, at=claimed_at):
            return True
    return False


def send_waiting(broadcast: Broadcast, channel: Channel, *, at: datetime) -> bool:
    """Send one batch of waiting rows inside the database: decision, effect and mark in one transaction.

    Returns whether there was one. Such rows need neither token nor lease: who dies here has done nothing. It writes
    each row once, where claiming and settling write it twice.
    """
    with transaction.atomic():
        locks.claim_alone()
        batch = broadcast.deliveries.waiting().some(channel.batch_size)
        if batch is None:
            return False
        decided = batch.annotate(why=exclusion(channel, customer="customer_id", at=at))
        decided.filter(why__gt=Delivery.Reason.NONE).update(reason=F("why"))
        _send(broadcast, channel, batch, at=at)
        return True


def claim(broadcast: Broadcast, channel: Channel, *, at: datetime) -> str | None:
    """Take a batch under a fresh token and a lease, and decide for each row whether it is excluded and why.

    Returns the token, or None where nothing can be claimed. The one UPDATE leaves the reason in the row: empty means
    that the row is to be sent.
    """
    token = secrets.token_hex(16)
    with transaction.atomic():
        locks.claim_alone()
        # two statements, because no index serves "waiting or lapsed" at once
        for rows in (broadcast.deliveries.waiting(), broadcast.deliveries.lapsed(at)):
            claimed = Delivery.objects.filter(pk__in=rows.values("pk")[: channel.batch_size]).update(
                state=Delivery.State.CLAIMED,
                token=token,
                lease_until=at + LEASE,
                attempts=F("attempts") + 1,
                reason=_reason(channel, at=at),
            )
            if claimed:
                return token
    return None


def _reason(channel: Channel, *, at: datetime) -> Case:
    return Case(
        When(attempts__gte=MOST_ATTEMPTS, then=Value(Delivery.Reason.ERROR)),
        default=exclusion(channel, customer="customer_id", at=at),
    )


def deliver(
    broadcast: Broadcast, channel: Channel, token: str, *, looked_at: datetime, clock: Callable[[], datetime]
) -> None:
    """Send what is still held under the token and settle it, effect and mark in one transaction."""
    held: DeliveryQuerySet = Delivery.objects.held_by(token)
    at = clock()
    with transaction.atomic():
        if at - looked_at > FRESH:
            held.update(reason=_reason(channel, at=at), lease_until=at + LEASE)
        _send(broadcast, channel, held, at=at)


def _send(broadcast: Broadcast, channel: Channel, rows: DeliveryQuerySet, *, at: datetime) -> None:
    """Send those of the rows that nothing excludes, and settle all."""
    try:
        with transaction.atomic():
            channel.send(broadcast, rows.filter(reason=Delivery.Reason.NONE), at=at)
    except ChannelError:
        rows.filter(reason=Delivery.Reason.NONE).update(reason=Delivery.Reason.ERROR)
    _settle(rows, at=at)
    Broadcast.objects.filter(pk=broadcast.pk).update(progressed_at=at)


def _settle(held: DeliveryQuerySet, *, at: datetime) -> None:
    held.update(
        state=Case(
            When(reason=Delivery.Reason.NONE, then=Value(Delivery.State.SENT)),
            When(reason=Delivery.Reason.ERROR, then=Value(Delivery.State.FAILED)),
            default=Value(Delivery.State.EXCLUDED),
        ),
        token=None,
        lease_until=None,
        settled_at=at,
    )


def _finish(broadcast: Broadcast, *, at: datetime) -> bool:
    """Close the broadcast unless another worker still holds rows of it; return whether it was closed."""
    if broadcast.deliveries.open().exists():
        return False
    sending = Broadcast.objects.to_send().filter(pk=broadcast.pk)
    return bool(sending.update(state=Broadcast.State.FINISHED, finished_at=at, progressed_at=at))

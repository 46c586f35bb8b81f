"""Sending: claim a batch, send it, settle it. A row that leaves the building was a row first.

Who is excluded is decided in the UPDATE that claims, once more before sending where that was a while ago, and never
from what planning saw.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, F, Value, When

from customers import locks
from messaging.channels import Channel, ChannelError, Outcome, OutsideChannel, Recipient, get_channel
from messaging.channels.base import Connection
from messaging.models import Broadcast, Delivery
from messaging.rules import exclusion

if TYPE_CHECKING:
    from messaging.models.delivery import DeliveryQuerySet

# How old the last look at bans and addresses may be when a batch is sent.
FRESH = timedelta(seconds=0.5)
# A row that so many workers claimed and none settled is not claimed for ever.
MOST_ATTEMPTS = 5
# Messages that leave the building before they are settled: what a killed worker sends again at most.
GROUP = 20
# A claim of a slow channel is worked on no longer than this; the rest is put back.
LONGEST = timedelta(seconds=10)
# A row that a server has put off: a minute, four, sixteen, an hour; greylisting lets it in at the second or third.
PUT_OFF = [timedelta(minutes=4**attempt) for attempt in range(MOST_ATTEMPTS)]
# A channel that was down for one, two, three … batches in a row is left alone for so long.
REST = [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 300, 900)]


def send_batch(*, clock: Callable[[], datetime]) -> bool:
    """Claim, send and settle one batch of the oldest broadcast that has one; return whether anything was to do."""
    for broadcast in Broadcast.objects.to_send().rested(clock()).order_by("pk"):
        channel = get_channel(broadcast.channel)
        claimed_at = clock()
        if not isinstance(channel, OutsideChannel) and send_waiting(broadcast, channel, at=claimed_at):
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
                lease_until=at + channel.lease,
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
    """Send what is still held under the token and settle it."""
    held: DeliveryQuerySet = Delivery.objects.held_by(token)
    if isinstance(channel, OutsideChannel):
        _deliver_outside(broadcast, channel, held, looked_at=looked_at, clock=clock)
    else:
        _deliver_inside(broadcast, channel, held, looked_at=looked_at, at=clock())


def _deliver_inside(
    broadcast: Broadcast, channel: Channel, held: DeliveryQuerySet, *, looked_at: datetime, at: datetime
) -> None:
    """Effect and mark in one transaction: nobody lost, nobody twice."""
    with transaction.atomic():
        if at - looked_at > FRESH:
            _look_again(channel, held, at=at)
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


def _look_again(channel: Channel, held: DeliveryQuerySet, *, at: datetime) -> None:
    """Ask by the claim's own expression whether the rows may still be sent, and renew their lease."""
    held.filter(reason=Delivery.Reason.NONE).update(
        reason=exclusion(channel, customer="customer_id", at=at), lease_until=at + channel.lease
    )


def _deliver_outside(
    broadcast: Broadcast,
    channel: OutsideChannel,
    held: DeliveryQuerySet,
    *,
    looked_at: datetime,
    clock: Callable[[], datetime],
) -> None:
    """Send in groups, each settled before the next begins, and put back what could not be tried.

    A worker that is killed leaves one group sent and not settled: it is sent again, with the same keys.
    """
    end = looked_at + LONGEST
    seen: set[Outcome] = set()
    rest = _sendable(channel, held, at=looked_at)
    with channel.connect(broadcast) as connection:
        while rest and not seen & {Outcome.LOST, Outcome.DOWN} and (at := clock()) < end:
            if at - looked_at > FRESH:
                _look_again(channel, held, at=at)
                rest, looked_at = _sendable(channel, held, at=at), at
            outcomes = _send_group(connection, rest, clock=clock)
            _settle_group(channel, held, outcomes, at=clock())
            seen |= {outcome for outcome, tried in outcomes.items() if tried}
    _put_back(held)
    _note_progress(broadcast, seen, at=clock())


def _sendable(channel: OutsideChannel, held: DeliveryQuerySet, *, at: datetime) -> deque[Recipient]:
    """Settle what the last look has excluded; return whom the others are for."""
    _settle(held.exclude(reason=Delivery.Reason.NONE), at=at)
    return deque(channel.recipients(held))


def _send_group(
    connection: Connection, rest: deque[Recipient], *, clock: Callable[[], datetime]
) -> dict[Outcome, list[Recipient]]:
    """Send to the first of the rest, and take off who was tried: as many as a group holds, and no stale one."""
    outcomes: dict[Outcome, list[Recipient]] = {outcome: [] for outcome in Outcome}
    started_at = at = clock()
    for _number in range(min(GROUP, len(rest))):
        outcome = connection.send(rest[0], at=at)
        outcomes[outcome].append(rest[0])
        if outcome == Outcome.DOWN:
            break
        rest.popleft()
        at = clock()
        if outcome == Outcome.LOST or at - started_at > FRESH:
            break
    return outcomes


def _settle_group(
    channel: OutsideChannel, held: DeliveryQuerySet, outcomes: dict[Outcome, list[Recipient]], *, at: datetime
) -> None:
    """Write down what became of a group, where the token still matches."""
    reason, state = Delivery.Reason, Delivery.State
    with transaction.atomic():
        _end(held, outcomes[Outcome.SENT], state=state.SENT, reason=reason.NONE, at=at)
        _end(held, outcomes[Outcome.BAD_ADDRESS], state=state.FAILED, reason=reason.BAD_ADDRESS, at=at)
        _end(held, outcomes[Outcome.REFUSED], state=state.FAILED, reason=reason.ERROR, at=at)
        channel.mark_bad(outcomes[Outcome.BAD_ADDRESS])
        for recipient in outcomes[Outcome.LATER] + outcomes[Outcome.LOST]:
            held.filter(pk=recipient.delivery).update(
                token=None, lease_until=at + PUT_OFF[recipient.attempts - 1], reason=reason.LATER
            )


def _end(held: DeliveryQuerySet, recipients: list[Recipient], *, state: str, reason: str, at: datetime) -> None:
    if recipients:
        held.filter(pk__in=[recipient.delivery for recipient in recipients]).update(
            state=state, reason=reason, token=None, lease_until=None, settled_at=at
        )


def _put_back(held: DeliveryQuerySet) -> None:
    """Let go of rows that nobody tried to send; the claim does not count as an attempt."""
    held.update(
        state=Delivery.State.WAITING,
        reason=Delivery.Reason.NONE,
        token=None,
        lease_until=None,
        attempts=F("attempts") - 1,
    )


def _note_progress(broadcast: Broadcast, seen: set[Outcome], *, at: datetime) -> None:
    """A batch that found the channel down lets the broadcast rest, the longer the more there were in a row.

    Where some messages went out first, the next batch simply connects again.
    """
    is_down = bool(seen) and seen <= {Outcome.LOST, Outcome.DOWN}
    failures = broadcast.failures + 1 if is_down else 0
    Broadcast.objects.filter(pk=broadcast.pk).update(
        progressed_at=at,
        failures=failures,
        not_before=at + REST[min(failures, len(REST)) - 1] if is_down else None,
    )


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

"""Delivering webhooks: claim some of one target's, send them, settle each.

One worker is at a target at a time, so a slow one holds up nobody else, and what the target is told stays in order.
What was claimed by a worker that died is sent again when its lease ends, with the same webhook id.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from customers.models import User
from customers.services import audit
from customers.services.notifications import notify
from messaging.models import WebhookDelivery, WebhookTarget
from messaging.models.webhook import WebhookDeliveryQuerySet
from messaging.webhooks import AddressRefused, Outcome, Parcel, Unreachable, Verdict, get_style, post

from .outbox import STOPPED, parcels

State = WebhookDelivery.State

# Rows of one claim; those of a robot go out as one message.
BATCH = 20
# A claim is worked on no longer than this; the rest is put back.
LONGEST = timedelta(seconds=10)
# At least three times the longest stall: a name server, three addresses and an answer that all take their time.
LEASE = timedelta(minutes=3)
# The schedule that Standard Webhooks gives as an example: ten attempts within some three days.
DELAYS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
# So that not all of them come back at the same moment.
JITTER = 0.2
# A target that failed once, twice, three … times in a row is left alone for so long.
REST = [timedelta(seconds=seconds) for seconds in (5, 30, 60, 300, 900)]
# A target that failed for so long is switched off.
STOP_AFTER = timedelta(days=3)
# A group of people is told nothing that is older.
STALE = timedelta(hours=24)


def deliver_batch(*, clock: Callable[[], datetime]) -> bool:
    """Claim, send and settle some deliveries of one target; return whether there were any."""
    at = clock()
    claimed = claim(at=at)
    if claimed is None:
        return False
    target, token = claimed
    deliver(target, token, end=at + LONGEST, clock=clock)
    return True


def claim(*, at: datetime) -> tuple[WebhookTarget, str] | None:
    """Take some deliveries of the target that was served longest ago, under a fresh token and a lease."""
    with transaction.atomic():
        free = WebhookTarget.objects.due(at).select_for_update(of=("self",), skip_locked=True)
        target = free.order_by(F("not_before").asc(nulls_first=True), "pk").first()
        if target is None:
            return None
        token = secrets.token_hex(16)
        due = WebhookDelivery.objects.due(at).filter(target=target).order_by("next_at", "pk")
        WebhookDelivery.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:BATCH])).update(
            token=token, next_at=at + LEASE, attempts=F("attempts") + 1
        )
        target.not_before = at + LEASE
        target.save(update_fields=["not_before"])
        return target, token


def deliver(target: WebhookTarget, token: str, *, end: datetime, clock: Callable[[], datetime]) -> None:
    """Send what is held under the token, until one fails or the time is over, and put back what was not tried."""
    held = WebhookDelivery.objects.held_by(token)
    held.filter(target__robot__isnull=False, created_at__lt=clock() - STALE).update(
        **_settled(State.FAILED, at=clock()), last_error="too old for a group"
    )
    verdicts: list[Verdict] = []
    for parcel, rows in parcels(target, list(held.order_by("attempts", "pk"))):
        if clock() >= end:
            break
        verdict, code = send(target, parcel, at=clock())
        if not settle(held, rows, verdict, code=code, at=clock()):
            return  # it took so long that the lease has ended: they are another worker's now
        verdicts.append(verdict)
        if verdict.outcome != Outcome.DELIVERED:
            break
    # their old place in the queue: when they were written
    held.update(token=None, next_at=F("created_at"), attempts=F("attempts") - 1)
    _let_go(target, verdicts, at=clock())


def send(target: WebhookTarget, parcel: Parcel, *, at: datetime) -> tuple[Verdict, int | None]:
    """Send it once; return what that means, and the status of the answer where there was one. Writes nothing."""
    style = get_style(target.style)
    request = style.request(target.url, target.secrets(), parcel, at=at)
    try:
        answer = post(request.url, body=request.body, headers=request.headers)
    except (AddressRefused, Unreachable) as error:
        return Verdict(Outcome.LATER, str(error)), None
    return style.verdict(answer, at=at), answer.status


def settle(
    held: WebhookDeliveryQuerySet,
    rows: Sequence[WebhookDelivery],
    verdict: Verdict,
    *,
    code: int | None,
    at: datetime,
) -> bool:
    """Write down what became of these rows, where they are still held; return whether any were."""
    told = {"response_code": code, "last_error": verdict.error[:300]}
    if verdict.outcome != Outcome.LATER:
        state = State.DELIVERED if verdict.outcome == Outcome.DELIVERED else State.FAILED
        chosen = held.filter(pk__in=[row.pk for row in rows])
        return bool(chosen.update(**_settled(state, at=at), **told))
    with transaction.atomic():
        return sum(held.filter(pk=row.pk).update(**_next(row, verdict, at=at), **told) for row in rows) > 0


def _next(row: WebhookDelivery, verdict: Verdict, *, at: datetime) -> dict[str, object]:
    """When it is tried again, or that it is not."""
    if row.attempts > len(DELAYS):
        return _settled(State.FAILED, at=at)
    jitter = 1 + JITTER * random.random()  # noqa: S311  (spreads the load, keeps no secret)
    delay = max(DELAYS[row.attempts - 1] * jitter, verdict.wait or timedelta(0))
    return {"token": None, "next_at": at + delay}


def _settled(state: State, *, at: datetime) -> dict[str, object]:
    return {"state": state, "token": None, "next_at": None, "settled_at": at}


def _let_go(target: WebhookTarget, verdicts: Sequence[Verdict], *, at: datetime) -> None:
    """Leave the target to the next worker: at once, when its style allows, or when it has rested."""
    mine = WebhookTarget.objects.filter(pk=target.pk, not_before=target.not_before)
    if not verdicts:
        mine.update(not_before=at)
        return
    last, was_well = verdicts[-1], len(verdicts) > 1 or not target.failures
    if last.outcome == Outcome.DELIVERED:
        rested = at + get_style(target.style).spacing
        mine.update(not_before=rested, failures=0, failing_since=None, last_error="")
        return
    failures = 1 if was_well else target.failures + 1
    since = at if was_well else target.failing_since or at
    rest = max(REST[min(failures, len(REST)) - 1], last.wait or timedelta(0))
    mine.update(not_before=at + rest, failures=failures, failing_since=since, last_error=last.error[:300])
    if last.outcome == Outcome.GONE or at - since >= STOP_AFTER:
        stop(target, last.error, at=at)


def stop(target: WebhookTarget, error: str, *, at: datetime) -> None:
    """Switch the target off, give up what waits for it, and tell those who can switch it on again."""
    with transaction.atomic():
        this = WebhookTarget.objects.active().filter(pk=target.pk)
        if not this.update(is_active=False, stopped_at=at):
            return
        WebhookDelivery.objects.open().filter(target=target).update(
            **_settled(State.FAILED, at=at), last_error="switched off"
        )
        audit.record("webhook.stopped", WebhookTarget.objects.filter(pk=target.pk), by=None, at=at, reason=error)
        managers = User.objects.with_perm("messaging.change_endpoint")
        url = target.get_absolute_url()
        notify(managers, STOPPED.name, at=at, url=url, parameters={"name": target.name})

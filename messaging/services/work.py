"""The background work of this app: what waits, and doing it for a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from messaging.models import Broadcast, WebhookDelivery, WebhookTarget
from messaging.signals import WorkKind, work_waiting

from .delivering import deliver_batch
from .planning import plan_stretch
from .sending import send_batch

# A wake works no longer than this, then stands behind the others again.
STRETCH = timedelta(seconds=5)
# Work without progress for so long has lost its wake: the worker died, or the queue was emptied.
STALLED = timedelta(seconds=15)

STEPS: dict[WorkKind, Callable[[Callable[[], datetime]], bool]] = {
    WorkKind.PLAN: lambda clock: plan_stretch(at=clock()),
    WorkKind.SEND: lambda clock: send_batch(clock=clock),
    WorkKind.DELIVER: lambda clock: deliver_batch(clock=clock),
}


def work(kind: WorkKind, *, clock: Callable[[], datetime], stretch: timedelta = STRETCH) -> bool:
    """Do this kind of work until nothing is left or `stretch` has passed; return whether something may be left."""
    end = clock() + stretch
    while clock() < end:
        if not STEPS[kind](clock):
            return False
    return True


def wake_stalled(*, at: datetime) -> None:
    """Send the wake again for work that made no progress lately. The scheduler calls it; repeating is safe.

    While no worker runs, the wakes pile up and are run one after the other later on: each finds nothing and ends.
    """
    stalled = Broadcast.objects.filter(Q(progressed_at__isnull=True) | Q(progressed_at__lt=at - STALLED))
    if stalled.to_plan().exists():
        work_waiting.send(sender=Broadcast, kind=WorkKind.PLAN)
    if stalled.to_send().rested(at).exists():
        work_waiting.send(sender=Broadcast, kind=WorkKind.SEND)
    # what a target has put off, or a dead worker held, has no wake of its own
    if WebhookTarget.objects.due(at).exists():
        work_waiting.send(sender=WebhookDelivery, kind=WorkKind.DELIVER)

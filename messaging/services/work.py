"""The background work of this app: what waits, and doing it for a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from messaging.models import Broadcast
from messaging.signals import WorkKind, work_waiting

from .planning import plan_stretch
from .sending import send_batch

# A wake works no longer than this, then stands behind the others again.
STRETCH = timedelta(seconds=5)
# Work without progress for so long has lost its wake: the worker died, or the queue was emptied.
STALLED = timedelta(seconds=15)


def work(kind: WorkKind, *, clock: Callable[[], datetime], stretch: timedelta = STRETCH) -> bool:
    """Plan or send until nothing is left or `stretch` has passed; return whether something may be left."""
    end = clock() + stretch
    while clock() < end:
        done = plan_stretch(at=clock()) if kind == WorkKind.PLAN else send_batch(clock=clock)
        if not done:
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

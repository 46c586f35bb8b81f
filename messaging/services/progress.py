"""How far a broadcast is: what its page shows while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from messaging.models import Broadcast, Delivery

from .broadcasts import Ledger, ledger
from .work import STALLED


@dataclass(frozen=True)
class Progress:
    """`done` of `total` customers have passed the present step: planned while planning, settled afterwards.

    `waits_for_worker`: it is under way, but nothing has moved for a while.
    """

    done: int
    total: int
    ledger: Ledger
    waits_for_worker: bool


def progress(broadcast: Broadcast, *, at: datetime) -> Progress:
    """The progress at that moment, in one query, and one more while planning."""
    counts = ledger(broadcast)
    waiting = counts.by_state[Delivery.State.WAITING] + counts.by_state[Delivery.State.CLAIMED]
    is_planning = broadcast.state == Broadcast.State.PLANNING
    return Progress(
        done=counts.total if is_planning else counts.total - waiting,
        # who joined or left the audience since then must not show as more than everybody
        total=max(counts.total, broadcast.customers().count()) if is_planning else counts.total,
        ledger=counts,
        waits_for_worker=broadcast.is_moving()
        and not broadcast.is_resting(at)
        and (broadcast.progressed_at is None or broadcast.progressed_at < at - STALLED),
    )

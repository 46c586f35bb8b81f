"""What the page of a broadcast shows of its progress: the same figures when it opens and every second after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from customers.admin.cells import badge, moment
from customers.admin.progress import WAITS_FOR_WORKER
from messaging.channels import get_channel
from messaging.models import Broadcast, Delivery
from messaging.services.progress import Progress, progress

State = Delivery.State
KINDS = {
    Broadcast.State.DRAFT: "plain",
    Broadcast.State.PLANNING: "info",
    Broadcast.State.SENDING: "info",
    Broadcast.State.FINISHED: "success",
}
DELIVERY_KINDS = {
    State.WAITING: "plain",
    State.CLAIMED: "info",
    State.SENT: "success",
    State.FAILED: "danger",
    State.EXCLUDED: "warning",
}


def state_badge(broadcast: Broadcast) -> SafeString:
    return badge(broadcast.get_state_display(), kind=KINDS[Broadcast.State(broadcast.state)])


def delivery_badge(delivery: Delivery) -> SafeString:
    return badge(delivery.get_state_display(), kind=DELIVERY_KINDS[State(delivery.state)])


@dataclass(frozen=True)
class Figure:
    """A count, and the rows of the ledger that it counts. `tone` is a colour of the skin."""

    key: str
    label: str
    count: int
    url: str
    tone: str = ""

    @property
    def text(self) -> str:
        return number(self.count)


def number(count: int) -> str:
    return formats.number_format(count, force_grouping=True)


def ledger_url(broadcast: Broadcast, **lookups: str) -> str:
    return f"{reverse('admin:messaging_delivery_changelist')}?{urlencode({'broadcast': broadcast.pk, **lookups})}"


def counts(broadcast: Broadcast, shown: Progress) -> list[Figure]:
    """All deliveries, then by state."""
    by_state = shown.ledger.by_state

    def of(state: Delivery.State, tone: str = "") -> Figure:
        return Figure(state, str(state.label), by_state[state], ledger_url(broadcast, state__exact=state), tone)

    waiting = by_state[State.WAITING] + by_state[State.CLAIMED]
    return [
        Figure("all", _("in the ledger"), shown.ledger.total, ledger_url(broadcast)),
        of(State.SENT, "success"),
        of(State.EXCLUDED),
        of(State.FAILED, "danger"),
        Figure("waiting", _("waiting"), waiting, ledger_url(broadcast, state__in=f"{State.WAITING},{State.CLAIMED}")),
    ]


def reasons(broadcast: Broadcast, shown: Progress) -> list[Figure]:
    """Why customers got nothing, each reason there is."""
    return [
        Figure(
            f"reason-{reason.value}",
            str(reason.label),
            shown.ledger.by_reason.get(reason, 0),
            ledger_url(broadcast, reason__exact=reason.value, state__in=f"{State.EXCLUDED},{State.FAILED}"),
        )
        for reason in Delivery.Reason
        if reason not in (Delivery.Reason.NONE, Delivery.Reason.LATER)  # the latter goes on
    ]


def step(broadcast: Broadcast, shown: Progress) -> str:
    """What is going on, in words."""
    figures = {"done": number(shown.done), "total": number(shown.total)}
    if broadcast.state == Broadcast.State.PLANNING:
        return _("Writing the ledger: %(done)s of %(total)s customers") % figures
    if broadcast.state == Broadcast.State.SENDING:
        return _("Sending: %(done)s of %(total)s customers done") % figures
    return _("Finished: every one of %(total)s customers has a result") % figures


def resting(broadcast: Broadcast, *, at: datetime) -> str:
    """Why nothing moves although workers run; empty where that is not so."""
    if not broadcast.is_resting(at):
        return ""
    until = {"channel": get_channel(broadcast.channel).label, "time": moment(broadcast.not_before)}
    return _("The channel cannot be reached (%(channel)s). Nothing is lost; the next try is at %(time)s.") % until


def figures(broadcast: Broadcast, *, at: datetime) -> dict[str, Any]:
    """For the template."""
    shown = progress(broadcast, at=at)
    return {
        "counts": counts(broadcast, shown),
        "reasons": reasons(broadcast, shown),
        "done": shown.done,
        "total": shown.total,
        "state_kind": KINDS[Broadcast.State(broadcast.state)],
        "is_moving": broadcast.is_moving(),
        "texts": {
            "state": broadcast.get_state_display(),
            "step": step(broadcast, shown),
            "held_up": str(WAITS_FOR_WORKER) if shown.waits_for_worker else resting(broadcast, at=at),
            "finished": moment(broadcast.finished_at),
        },
    }


def figures_as_json(broadcast: Broadcast, *, at: datetime) -> dict[str, Any]:
    """For the script: the counts are texts by their key."""
    shown = figures(broadcast, at=at)
    every = (*shown.pop("counts"), *shown.pop("reasons"))
    return {**shown, "texts": {**shown["texts"], **{figure.key: figure.text for figure in every}}}

"""Making, previewing and starting a broadcast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from customers.models import Customer, User
from customers.services import audit
from messaging.channels import get_channel
from messaging.models import Broadcast, Delivery
from messaging.rules import exclusion
from messaging.signals import WorkKind, work_waiting

# What may be changed as long as the broadcast is a draft.
EDITABLE = ("product", "channel", "subject", "body", "audience", "agent", "level", "group")


class MayNotSend(PermissionDenied):
    """The staff user may not send this broadcast. The message says why."""


class AlreadyStarted(Exception):
    """The broadcast is no draft any more."""


@dataclass(frozen=True)
class Preview:
    """How many customers the audience has now, how many would receive, and how many not, by reason."""

    audience: int
    receiving: int
    excluded: dict[str, int]


def preview(broadcast: Broadcast, *, at: datetime) -> Preview:
    """Exact counts at that moment, in one query. Nothing is written."""
    reason = exclusion(get_channel(broadcast.channel), customer="pk", at=at)
    rows = broadcast.customers().annotate(reason=reason).order_by().values("reason").annotate(count=Count("pk"))
    counts = {row["reason"]: row["count"] for row in rows}
    receiving = counts.pop(Delivery.Reason.NONE, 0)
    return Preview(audience=receiving + sum(counts.values()), receiving=receiving, excluded=counts)


def a_receiver(broadcast: Broadcast, *, at: datetime) -> Customer | None:
    """One customer who would receive the broadcast at that moment, to show the text as he will see it."""
    reason = exclusion(get_channel(broadcast.channel), customer="pk", at=at)
    receiving = broadcast.customers().annotate(reason=reason).filter(reason=Delivery.Reason.NONE)
    return receiving.order_by("pk").first()


def may_announce(user: User) -> bool:
    """Whether this staff user may send broadcasts to anybody at all."""
    return user.has_perm("messaging.send_broadcast") or user.has_perm("messaging.send_broadcast_to_any")


def why_may_not_send(broadcast: Broadcast, user: User) -> str:
    """Empty where this staff user may send the broadcast; else the sentence that says why not."""
    if user.has_perm("messaging.send_broadcast_to_any"):
        return ""
    if not user.has_perm("messaging.send_broadcast"):
        return _("You may not send broadcasts.")
    to_own = broadcast.audience == Broadcast.Audience.AGENT and broadcast.agent and broadcast.agent.user_id == user.pk
    return "" if to_own else _("You may announce to your own customers only.")


def save_draft(broadcast: Broadcast, *, by: User, at: datetime) -> Broadcast:
    """Store a new draft. Raises ValidationError naming the field, MayNotSend for an audience that is not the user's."""
    broadcast.by, broadcast.created_at = by, at
    broadcast.full_clean()
    if why := why_may_not_send(broadcast, by):
        raise MayNotSend(why)
    with transaction.atomic():
        broadcast.save()
        audit.record("broadcast.created", Broadcast.objects.filter(pk=broadcast.pk), by=by, at=at)
    return broadcast


def change_draft(broadcast: Broadcast, *, by: User, at: datetime) -> Broadcast:
    """Store the changes to a draft. Raises ValidationError naming the field, MayNotSend where the draft or its new
    audience is not the user's, AlreadyStarted where somebody has sent it meanwhile."""
    broadcast.full_clean()
    drafts = Broadcast.objects.drafts().filter(pk=broadcast.pk)
    for version in (*drafts.select_related("agent"), broadcast):
        if why := why_may_not_send(version, by):
            raise MayNotSend(why)
    with transaction.atomic():
        if not drafts.update(**{name: getattr(broadcast, name) for name in EDITABLE}):
            raise AlreadyStarted(_("This broadcast has been started already."))
        audit.record("broadcast.changed", Broadcast.objects.filter(pk=broadcast.pk), by=by, at=at, fields=EDITABLE)
    return broadcast


def send(broadcast: Broadcast, *, by: User, at: datetime) -> None:
    """Start sending a draft now; the workers plan and send it. Raises MayNotSend, AlreadyStarted."""
    if why := why_may_not_send(broadcast, by):
        raise MayNotSend(why)
    draft = Broadcast.objects.drafts().filter(pk=broadcast.pk)
    with transaction.atomic():
        if not draft.update(state=Broadcast.State.PLANNING, started_at=at, progressed_at=at):
            raise AlreadyStarted(_("This broadcast has been started already."))
        audit.record("broadcast.started", Broadcast.objects.filter(pk=broadcast.pk), by=by, at=at, fields=["state"])
        transaction.on_commit(lambda: work_waiting.send(sender=Broadcast, kind=WorkKind.PLAN))


@dataclass(frozen=True)
class Ledger:
    """The deliveries of a broadcast, counted."""

    total: int
    by_state: dict[str, int]
    by_reason: dict[str, int]


def ledger(broadcast: Broadcast) -> Ledger:
    """Count the broadcast's deliveries by state, and the excluded and failed ones by reason, in one query."""
    rows = broadcast.deliveries.order_by().values("state", "reason").annotate(count=Count("pk"))
    by_state: dict[str, int] = dict.fromkeys(Delivery.State.values, 0)
    by_reason: dict[str, int] = {}
    for row in rows:
        by_state[row["state"]] += row["count"]
        if row["state"] in (Delivery.State.EXCLUDED, Delivery.State.FAILED):
            by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + row["count"]
    return Ledger(total=sum(by_state.values()), by_state=by_state, by_reason=by_reason)

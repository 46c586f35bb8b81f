"""Whether an agent receives inquiries: online 在线, suspended 挂起, offline 离线; and what else he sets for himself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.models import Agent, Inquiry, User
from customers.parts import NotificationKind

from . import routing, statuses
from .notifications import notify

Cause, Status = Agent.Cause, Agent.Status

# A request notes when its agent was seen, no more often than this.
NOTED_EVERY = timedelta(minutes=1)


class MayNotSetStatus(PermissionDenied):
    """The staff user may not set this agent's status. The message says why."""


def _tell_status(parameters: Mapping[str, Any]) -> str:
    said = {"status": Status(parameters["status"]).label, "user": parameters.get("by")}
    if said["user"]:
        return _("%(user)s set you %(status)s.") % said
    return _("You were set %(status)s: not seen in the panel for too long.") % said


STATUS_SET = NotificationKind(
    name="status_set",
    label=gettext_lazy("my status was set by somebody else"),
    tell=_tell_status,
    is_personal=True,
)


def set_status(
    agent: Agent, status: str, *, by: User, at: datetime, reason: str = "", until: datetime | None = None
) -> None:
    """Set the agent's status, with a reason and a planned end where there are any; repeating is safe.

    Who comes online gets waiting inquiries, those of his own customers first. Suspended he gets nothing new and keeps
    what runs, until the planned end has come; offline, what runs goes on to others at the customer's next message.
    Raises MayNotSetStatus unless it is `by` himself or he may change agents, ValidationError for an end in the past.
    """
    if agent.user_id != by.pk and not by.has_perm("customers.change_agent"):
        raise MayNotSetStatus(_("You may set your own status only."))
    if status == Status.ONLINE:
        reason, until = "", None
    if until is not None and until <= at:
        raise ValidationError({"until": _("The planned end must be in the future.")})
    with transaction.atomic():
        locks.route_alone()
        this = Agent.objects.filter(pk=agent.pk)
        other = this.exclude(status=status, status_reason=reason, status_until=until)
        if statuses.write(other, status, cause=Cause.BY_HAND, by=by, at=at, reason=reason, until=until):
            _tell(agent, status, by=by, at=at)
        if status == Status.ONLINE:
            routing.give_out_waiting(at=at)
    agent.refresh_from_db()


def limits_changed(agent: Agent, *, by: User, at: datetime) -> None:
    """What follows where an agent's capacity was changed, or whether he takes customers. Repeating is safe."""
    with transaction.atomic():
        locks.route_alone()
        if not Agent.objects.serving().filter(pk=agent.pk).exists():
            here = Agent.objects.filter(pk=agent.pk).exclude(status=Status.OFFLINE)
            statuses.write(here, Status.OFFLINE, cause=Cause.LEFT, by=by, at=at)
            routing.reroute(Inquiry.objects.running().filter(agent=agent), at=at)
        routing.made_room(at=at)


def note_activity(agent: Agent, *, at: datetime) -> None:
    """Note that the agent was seen in the panel, at most once a minute; a suspension that is over ends."""
    if agent.status == Status.SUSPENDED and agent.status_at(at) == Status.ONLINE:
        keep_statuses(at=at)
        agent.refresh_from_db()
    if agent.last_active_at is None or agent.last_active_at <= at - NOTED_EVERY:
        Agent.objects.filter(pk=agent.pk).update(last_active_at=at)
        agent.last_active_at = at


def keep_statuses(*, at: datetime) -> None:
    """What time changes: suspensions end, idle agents go offline, and who waits is given out.

    The scheduler calls it. Repeating is safe.
    """
    with transaction.atomic():
        locks.route_alone()
        statuses.resume_in_time(at=at)
        if settings.AGENT_IDLE_AFTER:
            _send_idle_offline(at=at)
        routing.made_room(at=at)


def _send_idle_offline(*, at: datetime) -> None:
    idle = list(Agent.objects.idle_since(at - settings.AGENT_IDLE_AFTER).select_related("user"))
    statuses.write(
        Agent.objects.filter(pk__in=[agent.pk for agent in idle]), Status.OFFLINE, cause=Cause.IDLE, by=None, at=at
    )
    for agent in idle:
        _tell(agent, Status.OFFLINE, by=None, at=at)


def _tell(agent: Agent, status: str, *, by: User | None, at: datetime) -> None:
    """Tell the agent what somebody else, or the clock, set."""
    if by is None or by.pk != agent.user_id:
        parameters = {"status": str(status), **({"by": by.get_full_name() or by.get_username()} if by else {})}
        himself = User.objects.filter(pk=agent.user_id)
        notify(himself, STATUS_SET.name, at=at, url=agent.get_absolute_url(), parameters=parameters)

"""Writing agents' statuses (客服状态). Who may, and what follows for the inquiries, is services.agents' to say.

Runs under the lock `locks.route_alone`, which the caller holds.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from customers.bulk import insert_from
from customers.models import Agent, AgentStatusChange, User
from customers.models.agent import RUNNING, AgentQuerySet

from . import audit

Cause, Status = Agent.Cause, Agent.Status


def write(
    agents: AgentQuerySet,
    status: str,
    *,
    cause: str,
    by: User | None,
    at: datetime,
    reason: str = "",
    until: datetime | None = None,
) -> bool:
    """Give these agents that status, with a line of the log for each; return whether there were any. Set-based."""
    ids = list(agents.values_list("pk", flat=True))
    if not ids:
        return False
    chosen = Agent.objects.filter(pk__in=ids)
    insert_from(
        AgentStatusChange, chosen, agent=F("pk"), status=status, cause=cause, reason=reason, until=until, by=by, at=at
    )
    audit.record("agent.status_set", chosen, by=by, at=at, fields=["status"], reason=status)
    chosen.update(status=status, status_cause=cause, status_reason=reason, status_until=until, status_since=at)
    return True


def suspend_when_full(agent: Agent, *, at: datetime) -> None:
    """Suspend the agent where he has as many running inquiries as he suspends himself at."""
    if agent.suspend_at is not None:
        this = Agent.objects.online(at).filter(pk=agent.pk)
        full = this.alias(load=RUNNING).filter(load__gte=F("suspend_at"))
        write(full, Status.SUSPENDED, cause=Cause.FULL, by=None, at=at)


def resume_when_freed(*, at: datetime) -> bool:
    """Bring back online whoever was suspended for his load and has less now; return whether there were any."""
    suspended = Agent.objects.filter(status=Status.SUSPENDED, status_cause=Cause.FULL)
    freed = suspended.alias(load=RUNNING).filter(Q(suspend_at__isnull=True) | Q(load__lt=F("suspend_at")))
    return write(freed, Status.ONLINE, cause=Cause.FREED, by=None, at=at)


def resume_in_time(*, at: datetime) -> bool:
    """Write down whose suspension is past its planned end; return whether there were any."""
    back = Agent.objects.filter(status=Status.SUSPENDED, status_until__lte=at)
    return write(back, Status.ONLINE, cause=Cause.TIME, by=None, at=at)

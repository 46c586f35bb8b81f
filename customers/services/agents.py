"""Whether an agent receives inquiries: online 在线, suspended 挂起, offline 离线."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, Value, When
from django.utils.translation import gettext as _

from customers import locks
from customers.models import Agent, Inquiry, User

from . import audit


class MayNotSetStatus(PermissionDenied):
    """The staff user may not set this agent's status. The message says why."""


def set_status(agent: Agent, status: str, *, by: User, at: datetime) -> None:
    """Set the agent's status; who comes online gets the waiting inquiries of his own customers. Repeating is safe.

    Suspended he gets nothing new and keeps what runs; offline, what runs goes on to others at the customer's next
    message. Raises MayNotSetStatus unless it is `by` himself or he may change agents.
    """
    if agent.user_id != by.pk and not by.has_perm("customers.change_agent"):
        raise MayNotSetStatus(_("You may set your own status only."))
    with transaction.atomic():
        locks.route_alone()
        this = Agent.objects.filter(pk=agent.pk)
        if this.exclude(status=status).update(status=status):
            audit.record("agent.status_set", this, by=by, at=at, fields=["status"], reason=status)
        if this.online().exists():
            _give_back_waiting(agent, by=by, at=at)
    agent.status = status


def _give_back_waiting(agent: Agent, *, by: User, at: datetime) -> None:
    reason = Inquiry.Reason.EXCLUSIVE
    waiting = Inquiry.objects.waiting().filter(customer__agent=agent)
    if not waiting.exists():
        return
    audit.record("inquiry.routed", waiting, by=by, at=at, fields=["agent"], reason=reason.value)
    state = Case(When(first_reply_at__isnull=True, then=Value(Inquiry.State.NEW)), default=Value(Inquiry.State.OPEN))
    waiting.update(agent=agent, state=state, routed_reason=reason)

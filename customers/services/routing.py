"""Which agent an inquiry reaches, and why (接待). Runs under the lock `locks.route_alone`, which the caller holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from customers.models import Agent, Customer, Inquiry, User

from . import audit

Reason, State = Inquiry.Reason, Inquiry.State


@dataclass(frozen=True)
class Routing:
    """Where an inquiry goes, and why; nobody has it while it waits."""

    agent: Agent | None
    reason: Inquiry.Reason


def route_for(customer: Customer) -> Routing:
    """The exclusive agent if he is online, else the least busy agent online, else nobody: then a lead sees it."""
    online = Agent.objects.online()
    if customer.agent_id and (exclusive := online.filter(pk=customer.agent_id).first()):
        return Routing(exclusive, Reason.EXCLUSIVE)
    agent = online.least_busy()
    if agent is None:
        return Routing(None, Reason.NOBODY_ONLINE)
    if customer.agent is None:
        return Routing(agent, Reason.UNBOUND)
    is_suspended = customer.agent.status == Agent.Status.SUSPENDED
    return Routing(agent, Reason.EXCLUSIVE_SUSPENDED if is_suspended else Reason.EXCLUSIVE_OFFLINE)


def give_to(inquiry: Inquiry, routing: Routing, *, by: User | None, at: datetime) -> None:
    """Let the inquiry run, with that agent; write it down where that is another one, or another reason."""
    if routing.agent is None and by is not None:
        return  # a lead who is no agent answers: it still waits for one
    changed = (inquiry.agent, inquiry.routed_reason) != (routing.agent, routing.reason)
    inquiry.agent, inquiry.routed_reason = routing.agent, routing.reason
    inquiry.state, inquiry.closed_at = running_state(inquiry), None
    inquiry.save(update_fields=["agent", "routed_reason", "state", "closed_at"])
    if changed:
        record_routing(inquiry, by=by, at=at)


def running_state(inquiry: Inquiry) -> Inquiry.State:
    """The state of a running inquiry."""
    if inquiry.agent is None:
        return State.WAITING
    return State.OPEN if inquiry.first_reply_at else State.NEW


def record_routing(inquiry: Inquiry, *, by: User | None, at: datetime) -> None:
    this = Inquiry.objects.filter(pk=inquiry.pk)
    audit.record("inquiry.routed", this, by=by, at=at, fields=["agent"], reason=inquiry.routed_reason)

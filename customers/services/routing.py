"""Which agent an inquiry reaches, and why (接待). Runs under the lock `locks.route_alone`, which the caller holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Agent, Customer, Deputyship, Inquiry, InquiryRouting, Mute, User
from customers.parts import NotificationKind

from . import audit, statuses
from .notifications import notify
from .staff import who_may

if TYPE_CHECKING:
    from customers.models.agent import AgentQuerySet

PassedOver, Reason, State = InquiryRouting.PassedOver, Inquiry.Reason, Inquiry.State

# How many of those who wait are given out at once; the scheduler gives out the rest.
GIVEN_AT_ONCE = 50


def _tell_waiting(parameters: Mapping[str, Any]) -> str:
    return _("Inquiry #%(inquiry)s waits: no agent can take it.") % parameters


INQUIRY_WAITING = NotificationKind(
    name="inquiry_waiting", label=gettext_lazy("an inquiry waits for an agent"), tell=_tell_waiting
)

WITHOUT_DEPUTY = {
    PassedOver.SUSPENDED: Reason.EXCLUSIVE_SUSPENDED,
    PassedOver.OFFLINE: Reason.EXCLUSIVE_OFFLINE,
    PassedOver.FULL: Reason.EXCLUSIVE_FULL,
    PassedOver.MUTED: Reason.EXCLUSIVE_MUTED,
    PassedOver.LEFT: Reason.EXCLUSIVE_LEFT,
}


@dataclass(frozen=True)
class Routing:
    """Where an inquiry goes, and why; nobody has it while it waits. `passed_over` and `deputy` did not get it."""

    agent: Agent | None
    reason: Inquiry.Reason
    passed_over: Agent | None = None
    passed_reason: str = ""
    passed_until: datetime | None = None
    deputy: Agent | None = None
    deputy_reason: str = ""


def route_for(customer: Customer, *, at: datetime) -> Routing:
    """The exclusive agent, else his deputy, else the least busy agent, else nobody: then a lead sees it.

    Each of them only if he is online, has room and did not mute the customer.
    """
    free = Agent.objects.online(at).receptive_to(customer, at=at).with_room()
    exclusive = customer.agent
    if exclusive is None:
        return _to_team(free, Reason.UNBOUND, at=at)
    if found := free.filter(pk=exclusive.pk).first():
        return Routing(found, Reason.EXCLUSIVE)
    why = why_passed_over(exclusive, customer, at=at)
    passed: dict[str, Any] = {"passed_over": exclusive, "passed_reason": why}
    if why in (PassedOver.SUSPENDED, PassedOver.OFFLINE):
        passed["passed_until"] = exclusive.until_at(at)
    standing_in = Deputyship.objects.in_force(at).filter(agent=exclusive).select_related("deputy").first()
    if standing_in:
        if found := free.filter(pk=standing_in.deputy_id).first():
            return Routing(found, Reason.DEPUTY, **passed)
        passed["deputy"] = standing_in.deputy
        passed["deputy_reason"] = why_passed_over(standing_in.deputy, customer, at=at)
    return _to_team(free, WITHOUT_DEPUTY[why], at=at, **passed)


def passing_over(routing: Routing, agent: Agent, why: InquiryRouting.PassedOver) -> Routing:
    """The same decision, led to by this agent who had the inquiry."""
    reason = routing.reason if routing.agent is None else WITHOUT_DEPUTY[why]
    return replace(routing, reason=reason, passed_over=agent, passed_reason=why)


def _to_team(free: AgentQuerySet, reason: Inquiry.Reason, *, at: datetime, **passed: Any) -> Routing:
    if found := free.least_busy():
        return Routing(found, reason, **passed)
    somebody = Agent.objects.online(at).exists()
    return Routing(None, Reason.NOBODY_FREE if somebody else Reason.NOBODY_ONLINE, **passed)


def why_passed_over(agent: Agent, customer: Customer, *, at: datetime) -> InquiryRouting.PassedOver:
    """Why this agent, who gets nothing new of this customer at that moment, does not."""
    if not Agent.objects.serving().filter(pk=agent.pk).exists():
        return PassedOver.LEFT
    status = agent.status_at(at)
    if status != Agent.Status.ONLINE:
        return PassedOver(status.value)
    muted = Mute.objects.standing(at).filter(agent=agent, customer=customer).exists()
    return PassedOver.MUTED if muted else PassedOver.FULL


def stays(inquiry: Inquiry, *, at: datetime) -> bool:
    """Whether an inquiry goes on with the agent who has it: he is here and did not mute the customer.

    One that was closed goes on with him only if he has room for it.
    """
    if inquiry.agent_id is None:
        return False
    here = Agent.objects.here().filter(pk=inquiry.agent_id).receptive_to(inquiry.customer, at=at)
    return (here.with_room() if inquiry.is_closed() else here).exists()


def give_to(inquiry: Inquiry, routing: Routing, *, by: User | None, at: datetime) -> None:
    """Let the inquiry run, with that agent; write it down where that is another one, or another reason."""
    if routing.agent is None and by is not None:
        return  # a lead who is no agent answers: it still waits for one
    changed = (inquiry.agent, inquiry.routed_reason) != (routing.agent, routing.reason)
    inquiry.agent, inquiry.routed_reason = routing.agent, routing.reason
    inquiry.state, inquiry.closed_at, inquiry.result = running_state(inquiry), None, ""
    inquiry.save(update_fields=["agent", "routed_reason", "state", "closed_at", "result"])
    if changed:
        record_routing(inquiry, routing, by=by, at=at)
    elif routing.agent is not None:
        statuses.suspend_when_full(routing.agent, at=at)


def running_state(inquiry: Inquiry) -> Inquiry.State:
    """The state of a running inquiry."""
    if inquiry.agent is None:
        return State.WAITING
    return State.OPEN if inquiry.first_reply_at else State.NEW


def record_routing(inquiry: Inquiry, routing: Routing, *, by: User | None, at: datetime) -> None:
    """Write the decision down, tell the leads of an inquiry that waits, and suspend the agent it has filled."""
    this = Inquiry.objects.filter(pk=inquiry.pk)
    audit.record("inquiry.routed", this, by=by, at=at, fields=["agent"], reason=routing.reason)
    InquiryRouting.objects.create(
        inquiry=inquiry,
        agent=routing.agent,
        reason=routing.reason,
        passed_over=routing.passed_over,
        passed_reason=routing.passed_reason,
        passed_until=routing.passed_until,
        deputy=routing.deputy,
        deputy_reason=routing.deputy_reason,
        by=by,
        at=at,
    )
    if routing.agent is not None:
        statuses.suspend_when_full(routing.agent, at=at)
    else:
        leads = who_may("customers.answer_any_inquiry")
        url, parameters = inquiry.get_absolute_url(), {"inquiry": inquiry.pk}
        notify(leads, INQUIRY_WAITING.name, at=at, url=url, parameters=parameters)


def give_out_waiting(*, at: datetime) -> None:
    """Give waiting inquiries to agents who can take them: first to their own, then to all, the oldest first.

    Repeating is safe, and goes on where the last time stopped.
    """
    free = Agent.objects.online(at).with_room()
    waiting = Inquiry.objects.waiting().select_related("customer__agent").order_by("opened_at", "pk")
    for inquiries in (waiting.filter(customer__agent__in=free.values("pk")), waiting):
        for inquiry in inquiries[:GIVEN_AT_ONCE]:
            if not free.exists():
                return
            routing = route_for(inquiry.customer, at=at)
            if routing.agent is not None:
                give_to(inquiry, routing, by=None, at=at)


def made_room(*, at: datetime) -> None:
    """What follows where an agent has fewer running inquiries than before, or takes more."""
    statuses.resume_when_freed(at=at)
    give_out_waiting(at=at)


def reroute(inquiries: QuerySet[Inquiry], *, at: datetime) -> None:
    """Let running inquiries go the way of new ones, because their agent cannot go on with them. Few at a time."""
    for inquiry in inquiries.select_related("agent", "customer__agent").order_by("opened_at", "pk"):
        give_to(inquiry, route_for(inquiry.customer, at=at), by=None, at=at)
    made_room(at=at)

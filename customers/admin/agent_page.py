"""What stands on an agent's page around the form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from customers.models import Agent, AgentStatusChange, Customer, Deputyship, Job, Mute, User
from customers.services import hand_overs, mutes
from customers.services.deputies import why_may_not_approve
from customers.services.hand_overs import why_may_not_hand_over

from .agent_forms import DeputyForm, StatusForm
from .cells import badge, moment, staff_name
from .customer_rows import customer_name, with_names
from .staff import signed_in

KINDS = {Agent.Status.ONLINE: "success", Agent.Status.SUSPENDED: "warning", Agent.Status.OFFLINE: "plain"}
ACTIVE_FOR = timedelta(days=90)
SHOWN_CHANGES = 20
SHOWN_HAND_OVERS = 10


@dataclass(frozen=True)
class DeputyRow:
    """A deputyship with what may be done about it. `why_not` tells who is to approve it."""

    deputyship: Deputyship
    last_day: datetime
    is_over: bool
    may_approve: bool
    may_end: bool
    why_not: str


@dataclass(frozen=True)
class MuteRow:
    mute: Mute
    customer: SafeString
    is_standing: bool
    may_end: bool


@dataclass(frozen=True)
class HandOverRow:
    """A hand-over as the agents concerned read it; `count`: of all, or what this one got."""

    job: Job
    who: str
    count: int
    by: str


def agent_page(agent: Agent, request: HttpRequest, *, at: datetime) -> dict[str, Any]:
    """The context of the page; its queries do not depend on the number of rows."""
    user = signed_in(request)
    row: Any = with_load(Agent.objects.filter(pk=agent.pk), at=at).get()
    is_own, is_lead = agent.user_id == user.pk, user.has_perm("customers.change_agent")
    names = dict(Agent.objects.values_list("pk", "display_name"))
    return {
        "row": row,
        "status": status_badge(row, at=at),
        "status_until": row.until_at(at),
        "status_form": StatusForm() if is_own or is_lead else None,
        "statuses": Agent.Status.choices,
        "status_now": row.status_at(at),
        "may_hand_over": row.customer_count and not why_may_not_hand_over(agent, user),
        "deputy_rows": _deputies(agent, user, at=at),
        "deputy_form": DeputyForm(agent=agent) if is_own or is_lead else None,
        "mute_rows": mute_rows(Mute.objects.visible_to(user).filter(agent=agent), request, at=at),
        "changes": AgentStatusChange.objects.of(agent).select_related("by").order_by("-pk")[:SHOWN_CHANGES],
        "taken_over": _hand_overs(hand_overs.taken_over(agent), names, taken_by=agent),
        "given_away": _hand_overs(hand_overs.given_away(agent), names),
    }


def with_load(agents: Any, *, at: datetime) -> Any:
    """With what a lead reads of an agent's load."""
    return agents.with_running_inquiries().with_customers().with_active_customers(since=at - ACTIVE_FOR)


def status_badge(agent: Agent, *, at: datetime) -> SafeString:
    status = agent.status_at(at)
    return badge(str(status.label), kind=KINDS[status], title=agent.status_reason)


def mute_rows(rows: QuerySet[Mute], request: HttpRequest, *, at: datetime) -> list[MuteRow]:
    """The mutes, those that stand first, with the customers' names."""
    user = signed_in(request)
    customers = with_names(Customer.objects.all(), request, at)
    found = rows.select_related("agent", "by", "ended_by").prefetch_related(Prefetch("customer", customers))
    return [
        MuteRow(
            mute=row,
            customer=customer_name(row.customer),
            is_standing=row.is_standing(at),
            may_end=row.is_standing(at) and not mutes.why_may_not_unmute(row, user),
        )
        for row in found.order_by("ended_at", "-pk")[:SHOWN_CHANGES]
    ]


def _deputies(agent: Agent, user: User, *, at: datetime) -> list[DeputyRow]:
    rows = Deputyship.objects.filter(agent=agent).select_related("agent", "deputy", "proposed_by", "approved_by")
    may_end = agent.user_id == user.pk or user.has_perm("customers.change_agent")
    shown = []
    for row in rows.order_by("-starts_at", "-pk")[:SHOWN_CHANGES]:
        is_over = row.ended_at is not None or row.ends_at <= at
        is_proposed = row.approved_at is None and not is_over
        why_not = why_may_not_approve(row, user) if is_proposed else ""
        shown.append(
            DeputyRow(
                deputyship=row,
                last_day=row.ends_at - timedelta(seconds=1),
                is_over=is_over,
                may_approve=is_proposed and not why_not,
                may_end=may_end and not is_over,
                why_not=why_not,
            )
        )
    return shown


def _hand_overs(jobs: QuerySet[Job], names: dict[int, str], *, taken_by: Agent | None = None) -> list[HandOverRow]:
    rows = []
    for job in jobs[:SHOWN_HAND_OVERS]:
        shares = job.parameters["to"]
        if taken_by is None:
            who, count = ", ".join(names.get(int(key), "–") for key in shares), sum(shares.values())
        else:
            who, count = names.get(job.parameters["from"], "–"), shares[str(taken_by.pk)]
        rows.append(HandOverRow(job=job, who=who, count=count, by=staff_name(job.by)))
    return rows


def until_text(agent: Agent, *, at: datetime) -> str:
    until = agent.until_at(at)
    return moment(until) if until else ""

"""Handing over an agent's customers, all or some, to one or several others (移交客户): he leaves, or is on holiday."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Agent, Customer, Inquiry, Job, User
from customers.parts import NotificationKind, parts

from .bindings import MayNotBind, hand_over
from .customer_jobs import BulkKind
from .jobs import CannotGoOn, run_to_end, start
from .notifications import notify

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from customers.models.customer import CustomerQuerySet

# So many are handed over while one waits; more of them in the background.
AT_ONCE = 1_000


def _tell_handed_over(parameters: Mapping[str, Any]) -> str:
    return _("%(count)s customers of %(agent)s are yours now.") % parameters


CUSTOMERS_HANDED_OVER = NotificationKind(
    name="customers_handed_over",
    label=gettext_lazy("customers were handed over to me"),
    tell=_tell_handed_over,
    is_personal=True,
)


@dataclass(frozen=True)
class Preview:
    """Whom a hand-over would move: how many, by level, and what else is good to know of them."""

    total: int
    by_level: Sequence[tuple[StrOrPromise, int]]
    also: Sequence[tuple[StrOrPromise, int]]


class HandOverStock(BulkKind):
    """Parameters: `from` (an agent), `levels` (none: all), `to` (agents, with how many each has got), `reason`."""

    name = "hand_over_stock"
    label = gettext_lazy("Hand over an agent's customers")
    refusals = {"not_his": gettext_lazy("is another agent's customer by now")}

    def chosen(self, job: Job, *, by: User) -> CustomerQuerySet:
        return customers_of(_agent(job.parameters["from"]), levels=job.parameters["levels"])

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        return {"not_his": customers.exclude(agent=job.parameters["from"])}

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        """Share them evenly, those of the highest level first, so that each new agent gets as many of every level."""
        shares: dict[str, int] = job.parameters["to"]
        ids = list(customers.order_by("-level", "pk").values_list("pk", flat=True))
        for place, key in enumerate(sorted(shares, key=lambda key: (shares[key], int(key)))):
            share = Customer.objects.filter(pk__in=ids[place :: len(shares)])
            shares[key] += hand_over(share, agent=_agent(key), by=by, at=at, reason=job.parameters["reason"])

    def step(self, job: Job, *, at: datetime) -> bool:
        goes_on = super().step(job, at=at)
        if not goes_on:
            _tell_new_agents(job, at=at)
        return goes_on

    def describe(self, job: Job) -> str:
        names = dict(Agent.objects.values_list("pk", "display_name"))
        to = ", ".join(names.get(int(key), "–") for key in job.parameters["to"])
        return _("Hand over the customers of %(agent)s to %(to)s") % {
            "agent": names.get(job.parameters["from"], "–"),
            "to": to,
        }


def customers_of(agent: Agent, *, levels: Collection[int] = ()) -> CustomerQuerySet:
    """The agent's customers, of these levels where any are named."""
    customers = Customer.objects.unmerged().filter(agent=agent)
    return customers.filter(level__in=levels) if levels else customers


def preview(agent: Agent, *, levels: Collection[int], at: datetime) -> Preview:
    """Whom a hand-over would move; a fixed number of queries."""
    customers = customers_of(agent, levels=levels)
    counts = dict(customers.order_by().values("level").annotate(count=Count("pk")).values_list("level", "count"))
    running = Inquiry.objects.running().filter(customer__in=customers.values("pk")).count()
    also: list[tuple[StrOrPromise, int]] = [(_("with a running inquiry, which stays where it is"), running)]
    also += [(part.label, part.count(customers, at)) for part in parts.customer_counts]
    by_level = [(Customer.Level(level).label, counts[level]) for level in sorted(counts, reverse=True)]
    return Preview(total=sum(counts.values()), by_level=by_level, also=also)


def start_hand_over(
    agent: Agent, *, to: Collection[Agent], levels: Collection[int], reason: str, by: User, at: datetime
) -> Job:
    """Hand the agent's customers over, evenly to the others: AT_ONCE of them now, more in the background.

    Raises MayNotBind unless `by` may bind anybody, or is that agent and may bind; ValidationError for nobody to hand
    over to, for the agent himself and for one who takes no customers.
    """
    if why_not := why_may_not_hand_over(agent, by):
        raise MayNotBind(why_not)
    if not to:
        raise ValidationError({"to": _("Choose who gets the customers.")})
    if agent in to or not all(other.is_active for other in to):
        raise ValidationError({"to": _("Choose other agents who take customers.")})
    shares = {str(other.pk): 0 for other in to}
    parameters = {"from": agent.pk, "levels": list(levels), "to": shares, "reason": reason.strip()[:200]}
    job = start(HandOverStock.name, by=by, at=at, **parameters)
    if customers_of(agent, levels=levels).count() <= AT_ONCE:
        return run_to_end(job, clock=lambda: at)
    return job


def why_may_not_hand_over(agent: Agent, user: User) -> str:
    """Why this staff user may not hand over the agent's customers; empty where he may."""
    own = agent.user_id == user.pk and user.has_perm("customers.bind_customer")
    if own or user.has_perm("customers.bind_any_customer"):
        return ""
    return _("Only %(agent)s, a lead or a manager hands over these customers.") % {"agent": agent}


def given_away(agent: Agent) -> QuerySet[Job]:
    """The hand-overs of his customers, the newest first."""
    return _hand_overs().filter(parameters__from=agent.pk)


def taken_over(agent: Agent) -> QuerySet[Job]:
    """The hand-overs of others' customers to him, the newest first."""
    return _hand_overs().filter(parameters__to__has_key=str(agent.pk))


def _hand_overs() -> QuerySet[Job]:
    return Job.objects.filter(kind=HandOverStock.name).select_related("by").order_by("-pk")


def _agent(pk: int | str) -> Agent:
    agent = Agent.objects.filter(pk=pk).first()
    if agent is None:
        raise CannotGoOn(_("The agent is not there any more."))
    return agent


def _tell_new_agents(job: Job, *, at: datetime) -> None:
    former = _agent(job.parameters["from"])
    for key, count in job.parameters["to"].items():
        if count:
            agent = _agent(key)
            parameters = {"agent": former.display_name, "count": count}
            himself = User.objects.filter(pk=agent.user_id)
            notify(himself, CUSTOMERS_HANDED_OVER.name, at=at, url=agent.get_absolute_url(), parameters=parameters)

"""What can be done to many customers at once. Each action asks the service that a single customer's page calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Agent, Customer, Group, Job, User

from .bindings import bind, hand_over
from .customer_jobs import BulkKind
from .groups import add_to_groups, remove_from_groups
from .jobs import CannotGoOn
from .levels import set_level

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

NOT_YOURS = gettext_lazy("not yours to change: another agent serves this customer")


def not_editable(customers: CustomerQuerySet, by: User) -> CustomerQuerySet:
    return customers.exclude(pk__in=Customer.objects.editable_by(by).values("pk"))


class Bind(BulkKind):
    name = "bind"
    label = gettext_lazy("Bind to an agent")
    refusals = {
        "bound": gettext_lazy("has an exclusive agent already; only a hand-over changes that"),
        "not_editable": NOT_YOURS,
    }

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        return {"bound": customers.bound(), "not_editable": not_editable(customers, by)}

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        bind(customers, agent=_agent(job), by=by, at=at, reason=job.parameters.get("reason", ""))

    def describe(self, job: Job) -> str:
        return _("Bind to %(agent)s") % {"agent": _agent_name(job)}


class HandOver(BulkKind):
    name = "hand_over"
    label = gettext_lazy("Hand over")
    refusals = {
        "unbound": gettext_lazy("has no exclusive agent: bind instead"),
        "same_agent": gettext_lazy("has this agent already"),
        "not_yours": gettext_lazy("another agent's customer: only that agent, a lead or a manager hands over"),
    }

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        may_any = by.has_perm("customers.bind_any_customer")
        return {
            "unbound": customers.unbound(),
            "same_agent": customers.filter(agent=job.parameters.get("agent")).bound(),
            "not_yours": customers.none() if may_any else customers.exclude(agent__user=by),
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        hand_over(customers, agent=_agent(job), by=by, at=at, reason=job.parameters.get("reason", ""))

    def describe(self, job: Job) -> str:
        return _("Hand over to %(agent)s") % {"agent": _agent_name(job)}


class ChangeGroups(BulkKind):
    """`groups` among the parameters are the ids of the groups."""

    refusals = {"not_editable": NOT_YOURS}

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        return {"not_editable": not_editable(customers, by)}

    def describe(self, job: Job) -> str:
        names = Group.objects.filter(pk__in=job.parameters.get("groups", [])).order_by("name")
        return f"{self.label}: {', '.join(names.values_list('name', flat=True))}"


class AddToGroups(ChangeGroups):
    name = "add_to_groups"
    label = gettext_lazy("Add to groups")

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        add_to_groups(customers, groups=_groups(job), by=by, at=at)


class RemoveFromGroups(ChangeGroups):
    name = "remove_from_groups"
    label = gettext_lazy("Remove from groups")

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        remove_from_groups(customers, groups=_groups(job), by=by, at=at)


class ChangeLevel(BulkKind):
    """Parameters: `level`, `reason`."""

    name = "change_level"
    label = gettext_lazy("Change level")
    refusals = {"not_editable": NOT_YOURS}

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        return {"not_editable": not_editable(customers, by)}

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        set_level(customers, level=job.parameters["level"], by=by, at=at, reason=job.parameters["reason"])

    def describe(self, job: Job) -> str:
        level = job.parameters.get("level")
        return f"{self.label}: {Customer.Level(level).label}" if level in Customer.Level.values else str(self.label)


KINDS: tuple[type[BulkKind], ...] = (Bind, HandOver, AddToGroups, RemoveFromGroups, ChangeLevel)


def _agent(job: Job) -> Agent:
    agent = Agent.objects.filter(pk=job.parameters["agent"]).first()
    if agent is None:
        raise CannotGoOn(_("The agent is not there any more."))
    return agent


def _agent_name(job: Job) -> str:
    return str(Agent.objects.filter(pk=job.parameters.get("agent")).first() or "–")


def _groups(job: Job) -> list[Group]:
    """The groups that were chosen; all of them, or nobody is changed."""
    asked = job.parameters["groups"]
    groups = list(Group.objects.filter(pk__in=asked).order_by("pk"))
    if len(groups) != len(asked):
        raise CannotGoOn(_("A group was deleted meanwhile."))
    return groups

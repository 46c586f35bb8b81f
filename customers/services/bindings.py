"""Tying customers to their exclusive agent (建立专属关系) and handing them over (移交客户)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from customers import locks
from customers.bulk import insert_from
from customers.models import Agent, Binding, User

from . import audit

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


class MayNotBind(PermissionDenied):
    """The staff user may not tie these customers to this agent. The message says why."""


def bind(customers: CustomerQuerySet, *, agent: Agent, by: User, at: datetime, reason: str = "") -> int:
    """Tie those of the customers who have no exclusive agent to `agent`, in four statements; return how many.

    Customers who have an agent already stay with him (a hand-over changes that), and those whom `by` may not change
    stay as they are, so repeating is safe.
    Raises MayNotBind unless `by` may bind anybody, or is that agent and may bind to himself.
    """
    own = by.has_perm("customers.bind_customer") and agent.user_id == by.pk
    if not (own or by.has_perm("customers.bind_any_customer")):
        raise MayNotBind(_("You may bind customers to yourself only."))
    if not agent.is_active:
        raise MayNotBind(_("This agent takes no customers."))
    with transaction.atomic():
        locks.route_alone()  # a merge under way decides first who is who
        return _open_bindings(customers.unbound().editable_by(by), agent=agent, by=by, at=at, reason=reason)


def bind_by_answer(customers: CustomerQuerySet, *, by: User, at: datetime) -> int:
    """Tie those of the customers who have no exclusive agent to `by`, who answers their inquiry; return how many.

    To answer first is the right to bind (setting BIND_ON_FIRST_ANSWER), so no permission is asked for. Nobody is bound
    to whoever is no agent or takes no customers. Repeating is safe.
    """
    agent = Agent.objects.filter(user=by, is_active=True).first()
    if agent is None or not settings.BIND_ON_FIRST_ANSWER:
        return 0
    with transaction.atomic():
        return _open_bindings(
            customers.unbound(), agent=agent, by=by, at=at, reason=_("first answer to the customer's inquiry")
        )


def hand_over(customers: CustomerQuerySet, *, agent: Agent, by: User, at: datetime, reason: str = "") -> int:
    """Give those of the customers who belong to another agent to `agent`; return how many. Repeating is safe.

    Raises MayNotBind unless `by` may bind anybody; an agent hands over his own customers, so others' are left out.
    """
    customers = customers.bound().exclude(agent=agent)
    if not by.has_perm("customers.bind_any_customer"):
        if not by.has_perm("customers.bind_customer"):
            raise MayNotBind(_("You may not hand over customers."))
        customers = customers.served_by(by)
    if not agent.is_active:
        raise MayNotBind(_("This agent takes no customers."))
    with transaction.atomic():
        locks.route_alone()
        Binding.objects.filter(customer__in=customers, ended_at__isnull=True).update(ended_at=at)
        return _open_bindings(customers, agent=agent, by=by, at=at, reason=reason)


def _open_bindings(customers: CustomerQuerySet, *, agent: Agent, by: User, at: datetime, reason: str) -> int:
    # ignore_conflicts: a customer whom another transaction bound meanwhile keeps that agent
    count = insert_from(
        Binding,
        customers,
        customer=F("pk"),
        agent=agent,
        started_at=at,
        by=by,
        reason=reason,
        ignore_conflicts=True,
    )
    if count:
        opened = Binding.objects.filter(agent=agent, started_at=at, ended_at__isnull=True)
        bound = customers.filter(Exists(opened.filter(customer=OuterRef("pk"))))
        audit.record("customer.bound", bound, by=by, at=at, fields=["agent"], reason=reason)
        bound.update(agent=agent, updated_at=at)
    return count

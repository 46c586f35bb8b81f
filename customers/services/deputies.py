"""Who stands in for an agent (代班客服): proposed by him or a lead, approved by a manager, within dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.models import Agent, Deputyship, User
from customers.parts import NotificationKind

from . import audit
from .notifications import notify
from .staff import who_may

APPROVE = "customers.approve_deputyship"


class MayNotDepute(PermissionDenied):
    """The staff user may not propose, approve or end this deputyship. The message says why."""


def _tell_proposed(parameters: Mapping[str, Any]) -> str:
    return _("%(deputy)s shall stand in for %(agent)s: approve or decline.") % parameters


def _tell_approved(parameters: Mapping[str, Any]) -> str:
    return _("Approved: %(deputy)s stands in for %(agent)s.") % parameters


DEPUTYSHIP_PROPOSED = NotificationKind(
    name="deputyship_proposed", label=gettext_lazy("a deputy waits for approval"), tell=_tell_proposed
)
DEPUTYSHIP_APPROVED = NotificationKind(
    name="deputyship_approved",
    label=gettext_lazy("a deputy of mine, or I as one, was approved"),
    tell=_tell_approved,
    is_personal=True,
)


def propose(
    agent: Agent, *, deputy: Agent, starts_at: datetime, ends_at: datetime, by: User, at: datetime
) -> Deputyship:
    """Propose a deputy for the agent; one whom a manager proposes for others is approved at once.

    Raises MayNotDepute unless it is `by` himself or he may change agents, ValidationError for bad dates, for a deputy
    who takes no customers, and where the agent has another deputy in these days.
    """
    if agent.user_id != by.pk and not by.has_perm("customers.change_agent"):
        raise MayNotDepute(_("You may propose a deputy for yourself only."))
    _check(agent, deputy=deputy, starts_at=starts_at, ends_at=ends_at, at=at)
    with transaction.atomic():
        locks.route_alone()
        if Deputyship.objects.filter(agent=agent).overlapping(starts_at, ends_at).exists():
            raise ValidationError({"starts_on": _("This agent has a deputy in these days already; end that first.")})
        proposed = Deputyship.objects.create(
            agent=agent, deputy=deputy, starts_at=starts_at, ends_at=ends_at, proposed_by=by, proposed_at=at
        )
        this = Deputyship.objects.filter(pk=proposed.pk)
        audit.record("deputyship.proposed", this, by=by, at=at, fields=["deputy", "starts_at", "ends_at"])
        if not why_may_not_approve(proposed, by):
            approve(proposed, by=by, at=at)
        else:
            _tell(proposed, DEPUTYSHIP_PROPOSED, who_may(APPROVE).exclude(pk=by.pk), at=at)
        return proposed


def approve(deputyship: Deputyship, *, by: User, at: datetime) -> None:
    """Approve it; one that is approved stays so, so repeating is safe.

    Raises MayNotDepute without the right, or where `by` is one of the two and another manager is there to decide.
    """
    if why_not := why_may_not_approve(deputyship, by):
        raise MayNotDepute(why_not)
    with transaction.atomic():
        locks.route_alone()
        this = Deputyship.objects.filter(pk=deputyship.pk)
        alone = _is_party(deputyship, by)
        if this.proposed(at).update(approved_by=by, approved_at=at, is_decided_alone=alone):
            audit.record("deputyship.approved", this, by=by, at=at, fields=["approved_at"])
            parties = User.objects.filter(pk__in=[deputyship.agent.user_id, deputyship.deputy.user_id])
            _tell(deputyship, DEPUTYSHIP_APPROVED, parties.exclude(pk=by.pk), at=at)
    deputyship.refresh_from_db()


def end(deputyship: Deputyship, *, by: User, at: datetime) -> None:
    """Decline it, or end it before its time; repeating is safe. Raises MayNotDepute without the right."""
    if deputyship.agent.user_id != by.pk and not by.has_perm("customers.change_agent"):
        raise MayNotDepute(_("Only the agent himself, a lead or a manager ends this."))
    with transaction.atomic():
        locks.route_alone()
        this = Deputyship.objects.filter(pk=deputyship.pk)
        if this.not_over(at).update(ended_by=by, ended_at=at):
            audit.record("deputyship.ended", this, by=by, at=at, fields=["ended_at"])
    deputyship.refresh_from_db()


def why_may_not_approve(deputyship: Deputyship, user: User) -> str:
    """Why this staff user may not approve it; empty where he may. Who is alone with the right decides alone."""
    if not user.has_perm(APPROVE):
        return _("A manager approves who stands in for an agent.")
    if _is_party(deputyship, user) and who_may(APPROVE).exclude(pk=user.pk).exists():
        return _("You are one of the two, so another manager approves this.")
    return ""


def _is_party(deputyship: Deputyship, user: User) -> bool:
    return user.pk in (deputyship.agent.user_id, deputyship.deputy.user_id)


def _check(agent: Agent, *, deputy: Agent, starts_at: datetime, ends_at: datetime, at: datetime) -> None:
    errors = {}
    if deputy == agent:
        errors["deputy"] = _("Nobody is his own deputy.")
    elif not deputy.is_active:
        errors["deputy"] = _("This agent takes no customers.")
    if ends_at <= starts_at:
        errors["ends_on"] = _("The last day is not before the first.")
    elif ends_at <= at:
        errors["ends_on"] = _("The last day is over already.")
    if errors:
        raise ValidationError(errors)


def _tell(deputyship: Deputyship, kind: NotificationKind, users: Any, *, at: datetime) -> None:
    parameters = {"agent": deputyship.agent.display_name, "deputy": deputyship.deputy.display_name}
    notify(users, kind.name, at=at, url=deputyship.agent.get_absolute_url(), parameters=parameters)

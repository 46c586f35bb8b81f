"""One agent no longer receives one customer (不接待此人). It touches no purchase, and the buyer is served by others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.models import Agent, Customer, Inquiry, Mute, User
from customers.parts import NotificationKind

from . import audit, routing
from .notifications import notify
from .staff import who_may

# So long before its end a mute asks the leads whether they hand the customer over.
ASKED_BEFORE = timedelta(days=1)


class MayNotMute(PermissionDenied):
    """The staff user may not mute this customer, or end this mute. The message says why."""


def _tell_ending(parameters: Mapping[str, Any]) -> str:
    return (
        _("%(agent)s has not received customer #%(customer)s for days: hand the customer over, or the mute ends.")
        % parameters
    )


MUTE_ENDS = NotificationKind(
    name="mute_ends", label=gettext_lazy("a mute ends soon: hand the customer over?"), tell=_tell_ending
)


def mute(customer: Customer, *, agent: Agent, reason: str, by: User, at: datetime) -> Mute:
    """Let the agent no longer receive the customer for MUTE_FOR; his running inquiry goes to others at once.

    Who is muted already keeps the standing mute, which is returned. Raises MayNotMute unless `by` is that agent and
    serves the customer, ValidationError without a reason.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationError({"reason": _("Say why you do not receive this customer.")})
    with transaction.atomic():
        locks.route_alone()
        if why_not := why_may_not_mute(customer, agent=agent, user=by):
            raise MayNotMute(why_not)
        pair = Mute.objects.filter(customer=customer, agent=agent)
        if standing := pair.standing(at).first():
            return standing
        pair.run_out(at).update(ended_at=F("until"))
        muted = Mute.objects.create(
            agent=agent, customer=customer, reason=reason[:200], started_at=at, until=at + settings.MUTE_FOR, by=by
        )
        audit.record("mute.set", Mute.objects.filter(pk=muted.pk), by=by, at=at, fields=["until"])
        _pass_on(customer, agent, at=at)
        return muted


def why_may_not_mute(customer: Customer, *, agent: Agent, user: User) -> str:
    """Why this staff user may not mute the customer for the agent; empty where he may."""
    if agent.user_id != user.pk:
        return _("An agent mutes for himself only.")
    if not Customer.objects.served_now_by(user).filter(pk=customer.pk).exists():
        return _("You may mute customers whom you serve only.")
    return ""


def unmute(mute: Mute, *, by: User, at: datetime) -> None:
    """End the mute; one that is over stays as it is, so repeating is safe. Raises MayNotMute without the right."""
    if why_not := why_may_not_unmute(mute, by):
        raise MayNotMute(why_not)
    with transaction.atomic():
        locks.route_alone()
        this = Mute.objects.standing(at).filter(pk=mute.pk)
        if this.update(ended_at=at, ended_by=by):
            audit.record("mute.ended", Mute.objects.filter(pk=mute.pk), by=by, at=at, fields=["ended_at"])
            routing.give_out_waiting(at=at)
    mute.refresh_from_db()


def why_may_not_unmute(mute: Mute, user: User) -> str:
    """Why this staff user may not end the mute; empty where he may."""
    if mute.agent.user_id == user.pk or user.has_perm("customers.unmute_any_customer"):
        return ""
    return _("Only %(agent)s, a lead or a manager ends this mute.") % {"agent": mute.agent}


def ask_leads(*, at: datetime) -> None:
    """Ask the leads, once, about each mute that ends within a day. The scheduler calls it; repeating is safe."""
    ending = Mute.objects.standing(at).filter(until__lte=at + ASKED_BEFORE, leads_asked_at__isnull=True)
    for found in ending.select_related("agent", "customer"):
        with transaction.atomic():
            if Mute.objects.filter(pk=found.pk, leads_asked_at__isnull=True).update(leads_asked_at=at):
                _tell_leads(found, at=at)


def _tell_leads(mute: Mute, *, at: datetime) -> None:
    leads = who_may("customers.unmute_any_customer")
    parameters = {"agent": mute.agent.display_name, "customer": str(mute.customer_id)}
    notify(leads, MUTE_ENDS.name, at=at, url=mute.customer.get_absolute_url(), parameters=parameters)


def _pass_on(customer: Customer, agent: Agent, *, at: datetime) -> None:
    """Let the running inquiry that the agent has of this customer go the way of a new one, and say it was the mute."""
    running = Inquiry.objects.running().filter(customer=customer, agent=agent)
    inquiry = running.select_related("agent", "customer__agent").first()
    if inquiry is None:
        return
    decided = routing.route_for(inquiry.customer, at=at)
    if decided.passed_over is None:
        # no exclusive agent was passed over: it was the one who served him
        decided = routing.passing_over(decided, agent, routing.PassedOver.MUTED)
    routing.give_to(inquiry, decided, by=None, at=at)
    routing.made_room(at=at)

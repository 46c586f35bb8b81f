"""The watch list (观察名单), a level below a ban: it advises the staff, and holds orders once confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import MaliciousType, Watch, bannable_by
from customers import locks
from customers.models import Customer, User
from customers.parts import NotificationKind
from customers.services import audit
from customers.services.notifications import notify
from customers.services.staff import who_may

WATCH_ANY = "blocklist.ban_any_customer"
WATCH_BRIEFLY = "blocklist.watch_any_customer_briefly"
# So long may somebody watch a customer whom he may not ban.
BRIEFLY = timedelta(hours=24)
LONGEST_RULE = 60
LONGEST_REASON = 200


class MayNotWatch(PermissionDenied):
    """The staff user may not put this customer on the watch list, confirm or end this watch. The message says why."""


class WatchIsOver(Exception):
    """The watch stands no more."""


def _tell_proposed(parameters: Mapping[str, Any]) -> str:
    type_ = parameters["type"]
    told = {**parameters, "type": MaliciousType(type_).label if type_ in MaliciousType.values else type_}
    return _("The rule “%(rule)s” proposes to watch customer #%(customer)s (%(type)s): confirm or dismiss it.") % told


WATCH_PROPOSED = NotificationKind(
    name="watch_proposed", label=gettext_lazy("a rule proposes to watch a customer"), tell=_tell_proposed
)


def why_may_not_watch(customer: Customer, user: User, *, at: datetime) -> str:
    """Why this staff user may not put the customer on the watch list; empty where he may, be it only briefly."""
    if may_watch(customer, user, at=at) or user.has_perm(WATCH_BRIEFLY):
        return ""
    if customer.agent is None:
        return _("This customer has no exclusive agent yet, so only a lead or a manager may watch him.")
    return _("Only this customer's exclusive agent (%(agent)s), a lead or a manager may watch him.") % {
        "agent": customer.agent
    }


def may_watch(customer: Customer, user: User, *, at: datetime) -> bool:
    """Whether this staff user may watch the customer without limit of time: who may ban him may."""
    return bannable_by(user, at=at).filter(pk=customer.pk).exists()


def why_may_not_end(watch: Watch, user: User, *, at: datetime) -> str:
    """Why this staff user may not end the watch, or dismiss a rule's proposal; empty where he may."""
    if may_watch(watch.customer, user, at=at):
        return ""
    if user.has_perm(WATCH_BRIEFLY):
        own = watch.confirmed_by_id == user.pk
        return "" if own else _("Whoever may ban the customer ends this watch; you end those that you set yourself.")
    return why_may_not_watch(watch.customer, user, at=at)


def watch(
    customer: Customer, *, type: str, by: User, at: datetime, until: datetime | None = None, note: str = ""
) -> Watch:
    """Put the customer on the watch list at once, confirmed; who stands on it keeps that watch, which is returned.

    What a rule proposed gives way. Raises MayNotWatch without the right, ValidationError for an unknown type, an end
    that is not in the future, or one that is too late for somebody who may watch only briefly.
    """
    _check(type=type, until=until, at=at)
    with transaction.atomic():
        locks.close_intake()
        if why_not := why_may_not_watch(customer, by, at=at):
            raise MayNotWatch(why_not)
        if not may_watch(customer, by, at=at):
            _require_brief(until, at=at)
        if standing := _standing(customer, at=at):
            if standing.is_confirmed():
                return standing
            _close(standing, reason=_("a person set a watch instead"), by=by, at=at)
        made = {"type": type, "note": note.strip(), "until": until, "by": by, "confirmed_at": at, "confirmed_by": by}
        return _set(customer, at=at, **made)


def propose_watch(
    customer: Customer, *, rule: str, type: str, at: datetime, note: str = "", until: datetime | None = None
) -> Watch:
    """Let a rule advise the staff about a customer and tell his agent; the gate ignores it until a person confirms it.

    Who stands on the list keeps that watch, which is returned: repeating is safe. Raises ValidationError for an unknown
    type or an end that is not in the future.
    """
    _check(type=type, until=until, at=at)
    with transaction.atomic():
        locks.close_intake()
        if standing := _standing(customer, at=at):
            return standing
        proposed = _set(customer, at=at, type=type, note=note.strip(), until=until, rule=rule[:LONGEST_RULE])
        agents = User.objects.filter(agent__customers=customer) if customer.agent_id else who_may(WATCH_ANY)
        parameters: dict[str, str | int] = {"rule": proposed.rule, "customer": customer.pk, "type": type}
        notify(agents, WATCH_PROPOSED.name, at=at, url=page_of(customer.pk), parameters=parameters)
        return proposed


def confirm_watch(watch: Watch, *, by: User, at: datetime) -> Watch:
    """Stand for what a rule proposed: from now on orders are held. Confirmed already it stays, so repeating is safe.

    Who may watch only briefly confirms it for that long. Raises MayNotWatch without the right, WatchIsOver where it is.
    """
    with transaction.atomic():
        locks.close_intake()
        if why_not := why_may_not_watch(watch.customer, by, at=at):
            raise MayNotWatch(why_not)
        this = Watch.objects.filter(pk=watch.pk)
        if not this.standing(at).exists():
            raise WatchIsOver(_("This watch is over."))
        fields: dict[str, Any] = {"confirmed_at": at, "confirmed_by": by}
        watch.refresh_from_db()
        if not may_watch(watch.customer, by, at=at):
            fields["until"] = min(watch.until or at + BRIEFLY, at + BRIEFLY)
        if this.proposed().update(**fields):
            told = [name for name in fields if name != "confirmed_by"]
            audit.record("watch.confirmed", this, by=by, at=at, fields=told)
    watch.refresh_from_db()
    return watch


def end_watch(watch: Watch, *, reason: str, by: User, at: datetime) -> Watch:
    """End the watch at once, or dismiss what a rule proposed; one that is over stays as it is: repeating is safe.

    Raises MayNotWatch without the right, ValidationError without a reason.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationError({"reason": _("Say why the customer is not watched any more.")})
    with transaction.atomic():
        locks.close_intake()
        watch.refresh_from_db()
        if why_not := why_may_not_end(watch, by, at=at):
            raise MayNotWatch(why_not)
        _close(watch, reason=reason, by=by, at=at)
    watch.refresh_from_db()
    return watch


def page_of(customer: int) -> str:
    """The page on which the customer (an id) is watched."""
    return reverse("admin:blocklist_watch_customer", args=[customer])


def _check(*, type: str, until: datetime | None, at: datetime) -> None:
    if type not in MaliciousType.values:
        raise ValidationError({"type": _("There is no such type of ban.")})
    if until is not None and until <= at:
        raise ValidationError({"until": _("A watch must end in the future.")})


def _require_brief(until: datetime | None, *, at: datetime) -> None:
    if until is None or until > at + BRIEFLY:
        raise ValidationError({"until": _("You may watch this customer for at most 24 hours.")})


def _standing(customer: Customer, *, at: datetime) -> Watch | None:
    """The watch that stands; one that has run out is stamped with its end first."""
    of_him = Watch.objects.filter(customer=customer)
    of_him.run_out(at).update(ended_at=F("until"))
    return of_him.standing(at).first()


def _close(watch: Watch, *, reason: str, by: User, at: datetime) -> None:
    this = Watch.objects.filter(pk=watch.pk)
    if this.standing(at).update(ended_at=at, ended_by=by, end_reason=reason[:LONGEST_REASON]):
        audit.record("watch.ended", this, by=by, at=at, fields=["ended_at"], reason=reason)


def _set(customer: Customer, *, at: datetime, **facts: Any) -> Watch:
    made = Watch.objects.create(customer=customer, started_at=at, **facts)
    verb = "watch.set" if made.is_confirmed() else "watch.proposed"
    audit.record(verb, Watch.objects.filter(pk=made.pk), by=made.by, at=at, fields=["type", "until", "note"])
    return made

"""Asking for a ban where one may not ban oneself (申请禁止购买). A request ends with a decision, never in silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from blocklist.models import Ban, BanRequest, Evidence, MaliciousType, bannable_by
from customers import locks
from customers.models import Agent, Customer, Deputyship, User
from customers.services import audit
from customers.services.files import CheckedFile, kept
from customers.services.staff import who_may

from .bans import ban_purchase, why_may_not_ban
from .evidence import attach_evidence, hand_on_evidence
from .request_news import tell_asked, tell_decided

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from customers.models.agent import AgentQuerySet

ASK = "blocklist.add_banrequest"
BAN_OWN = "blocklist.ban_own_customer"
BAN_ANY = "blocklist.ban_any_customer"
LONGEST_DAYS = 3650
LONGEST_REASON = 200
# With all that others add to it.
LONGEST_NOTE = 20_000


class MayNotAsk(PermissionDenied):
    """The staff user may not ask for a ban, or not withdraw this request. The message says why."""


class MayNotDecide(PermissionDenied):
    """The staff user may not decide this request. The message says why."""


class NothingToAsk(Exception):
    """No request is needed: the customer is banned (`code` is banned), or one may ban him oneself (may_ban)."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class NotOpen(Exception):
    """The request was decided already. The message says how."""


def request_ban(
    customer: Customer,
    *,
    type: str,
    by: User,
    at: datetime,
    note: str = "",
    days: int | None = None,
    files: Sequence[CheckedFile] = (),
) -> BanRequest:
    """Ask those who may to ban the customer, and return the request.

    Where one is open already, whoever asks too joins it: his note and files are added to it, he is told the decision as
    well, and it is returned; what it asks for stays. Raises MayNotAsk without the right, NothingToAsk where he is
    banned already or `by` may ban him, ValidationError for an unknown type or a bad number of days.
    """
    _check(type=type, days=days)
    with kept(files, Evidence) as evidence, transaction.atomic():
        locks.close_intake()
        if why_not := why_may_not_ask(customer, by):
            raise MayNotAsk(why_not)
        _require_need(customer, by, at=at)
        request = BanRequest.objects.open().filter(customer=customer).first()
        if request is None:
            request = _file(customer, type=type, note=note.strip(), days=days, by=by, at=at)
        else:
            _join(request, note=note.strip(), by=by, at=at)
        attach_evidence(evidence, request, by=by, at=at)
        return request


def propose_by_rule(
    customer: Customer, *, rule: str, type: str, at: datetime, note: str = "", days: int | None = None
) -> BanRequest | None:
    """Let a risk rule ask for a ban; it bans nobody itself. Returns the request, or the one that is open already.

    None where the customer is banned, so repeating is safe. Raises ValidationError for an unknown type.
    """
    _check(type=type, days=days)
    with transaction.atomic():
        locks.close_intake()
        if Ban.objects.standing(at).filter(customer=customer).exists():
            return None
        standing = BanRequest.objects.open().filter(customer=customer).first()
        return standing or _file(customer, type=type, note=note.strip(), days=days, by=None, at=at, rule=rule)


def approve(request: BanRequest, *, by: User, at: datetime, reason: str = "") -> Ban:
    """Ban the customer as it was asked for, with its evidence, and tell whoever asked; return the ban.

    Raises MayNotDecide without the right, NotOpen where it was decided already.
    """
    with transaction.atomic():
        _decide(request, BanRequest.State.APPROVED, by=by, at=at, reason=reason)
        until = at + timedelta(days=request.days) if request.days else None
        ban = ban_purchase(request.customer, type=request.type, note=request.note, until=until, by=by, at=at)
        BanRequest.objects.filter(pk=request.pk).update(ban=ban)
        hand_on_evidence(request, ban)
        request.refresh_from_db()
        tell_decided(request, by=by, at=at)
        return ban


def decline(request: BanRequest, *, reason: str, by: User, at: datetime) -> None:
    """Ban nobody, say why, and tell whoever asked.

    Raises ValidationError without a reason, MayNotDecide without the right, NotOpen where it was decided already.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the ban is declined.")})
    with transaction.atomic():
        _decide(request, BanRequest.State.DECLINED, by=by, at=at, reason=reason)
        tell_decided(request, by=by, at=at)


def withdraw(request: BanRequest, *, by: User, at: datetime) -> None:
    """Take back what one asked for. Raises MayNotAsk for everybody else, NotOpen where it was decided already."""
    if request.by_id != by.pk:
        raise MayNotAsk(_("Only who asked for the ban withdraws the request."))
    with transaction.atomic():
        locks.close_intake()
        _close(request, BanRequest.State.WITHDRAWN, by=by, at=at)
        tell_decided(request, by=by, at=at)


def pass_on_unanswered(*, at: datetime) -> None:
    """Show each request that nobody has answered for BAN_REQUEST_SHOWN_FOR to the next manager, round and round.

    The scheduler calls it; repeating is safe.
    """
    waiting = BanRequest.objects.unanswered_since(at - settings.BAN_REQUEST_SHOWN_FOR).select_related("customer", "by")
    managers = list(who_may(BAN_ANY).order_by("pk"))
    for found in waiting.order_by("pk"):
        with transaction.atomic():
            same = BanRequest.objects.open().filter(pk=found.pk, shown_at=found.shown_at)
            others = [manager for manager in managers if manager.pk != found.by_id]
            asked = [_after(found.shown_to_id, others)] if others else _asked_first(found.customer, found.by, at=at)
            if same.update(shown_at=at, shown_to=asked[0] if asked else None):
                tell_asked(found, User.objects.filter(pk__in=[user.pk for user in asked]), at=at)


def who_may_ban(customer: Customer, *, at: datetime) -> QuerySet[User]:
    """The staff users whom `bannable_by` lets ban this customer at that moment."""
    serving = who_may(BAN_OWN).filter(agent__in=_agents(customer, at=at))
    return User.objects.filter(Q(pk__in=who_may(BAN_ANY).values("pk")) | Q(pk__in=serving.values("pk")))


def why_may_not_ask(customer: Customer, user: User) -> str:
    """Why this staff user may not ask for a ban of the customer; empty where he may."""
    if not user.has_perm(ASK):
        return _("You may not ask for bans.")
    if not Customer.objects.visible_to(user).filter(pk=customer.pk).exists():
        return _("This is the customer of another agent.")
    return ""


def why_may_not_decide(request: BanRequest, user: User, *, at: datetime) -> str:
    """Why this staff user may not approve or decline it; empty where he may.

    Nobody decides what he asked for himself, unless nobody else has the right.
    """
    customer = request.customer
    if not bannable_by(user, at=at).filter(pk=customer.pk).exists():
        return why_may_not_ban(customer, user, at=at)
    if request.by_id == user.pk and who_may_ban(customer, at=at).exclude(pk=user.pk).exists():
        return _("You asked for this ban yourself, so somebody else decides.")
    return ""


def _agents(customer: Customer, *, at: datetime) -> AgentQuerySet:
    """The customer's exclusive agent, and who stands in for him at that moment."""
    deputies = Deputyship.objects.in_force(at).filter(agent=customer.agent_id)
    return Agent.objects.filter(Q(pk=customer.agent_id) | Q(pk__in=deputies.values("deputy")))


def _asked_first(customer: Customer, asker: User | None, *, at: datetime) -> list[User]:
    """Whom a request is shown to first: the exclusive agent and his deputy of today; where neither can, a manager."""
    serving = who_may(BAN_OWN).filter(agent__in=_agents(customer, at=at).serving())
    not_himself = Q(pk=asker.pk) if asker else Q(pk=None)
    own_first = serving.exclude(not_himself).order_by("pk")
    agents = sorted(own_first.select_related("agent"), key=lambda user: user.agent.pk != customer.agent_id)
    return agents or list(who_may(BAN_ANY).exclude(not_himself).order_by("pk")[:1])


def _after(user: int | None, managers: list[User]) -> User:
    """The manager who is asked after this user: by age, and round again."""
    return next((manager for manager in managers if user is not None and manager.pk > user), managers[0])


def _file(
    customer: Customer,
    *,
    type: str,
    note: str,
    days: int | None,
    by: User | None,
    at: datetime,
    rule: str = "",
) -> BanRequest:
    """Write the request down and show it to the first. Rights and lock are the caller's."""
    asked = _asked_first(customer, by, at=at)
    request = BanRequest.objects.create(
        customer=customer,
        type=type,
        note=note,
        days=days,
        by=by,
        rule=rule,
        created_at=at,
        shown_at=at,
        shown_to=asked[0] if asked else None,
    )
    this = BanRequest.objects.filter(pk=request.pk)
    audit.record("ban_request.filed", this, by=by, at=at, fields=["type", "days", "note"], reason=rule)
    tell_asked(request, User.objects.filter(pk__in=[user.pk for user in asked]), at=at)
    return request


def _join(request: BanRequest, *, note: str, by: User, at: datetime) -> None:
    """Let somebody join a request that is open already; the same person may add to his own."""
    if request.by_id != by.pk:
        request.seconded_by.add(by)
    if note:
        added = f"{request.note}\n\n{by.get_username()}: {note}".strip()
        if len(added) > LONGEST_NOTE:
            raise ValidationError({"note": _("The note of this request is too long already.")})
        request.note = added
        request.save(update_fields=["note"])
    this = BanRequest.objects.filter(pk=request.pk)
    audit.record("ban_request.joined", this, by=by, at=at, fields=["note"] if note else [])


def _check(*, type: str, days: int | None) -> None:
    errors = {}
    if type not in MaliciousType.values:
        errors["type"] = _("There is no such type of ban.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        errors["days"] = _("A ban is for 1 to %(most)d days, or without end.") % {"most": LONGEST_DAYS}
    if errors:
        raise ValidationError(errors)


def _require_need(customer: Customer, by: User, *, at: datetime) -> None:
    if Ban.objects.standing(at).filter(customer=customer).exists():
        raise NothingToAsk(_("This customer is already banned."), code="banned")
    if bannable_by(by, at=at).filter(pk=customer.pk).exists():
        raise NothingToAsk(_("You may ban this customer yourself; nobody has to be asked."), code="may_ban")


def _decide(request: BanRequest, state: BanRequest.State, *, by: User, at: datetime, reason: str) -> None:
    locks.close_intake()
    request.refresh_from_db()
    if why_not := why_may_not_decide(request, by, at=at):
        raise MayNotDecide(why_not)
    _close(request, state, by=by, at=at, reason=reason.strip()[:LONGEST_REASON])


def _close(request: BanRequest, state: BanRequest.State, *, by: User, at: datetime, reason: str = "") -> None:
    """End it by compare-and-swap: of two who decide at once one is told that the other has."""
    this = BanRequest.objects.filter(pk=request.pk)
    alone = state != BanRequest.State.WITHDRAWN and request.by_id == by.pk
    if not this.open().update(state=state, decided_at=at, decided_by=by, reason=reason, is_decided_alone=alone):
        request.refresh_from_db()
        raise NotOpen(_("This request was decided already: %(state)s.") % {"state": request.get_state_display()})
    audit.record(f"ban_request.{state.value}", this, by=by, at=at, fields=["state"], reason=reason)
    request.refresh_from_db()

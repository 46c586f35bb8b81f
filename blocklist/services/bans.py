"""Banning customers from buying (禁止购买) and lifting it. Every door comes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Case, DateTimeField, F, Max, OuterRef, Q, Subquery, Value, When
from django.utils.translation import gettext as _

from blocklist.models import Ban, Evidence, OrderChoice, bannable_by, banned
from customers import locks
from customers.bulk import insert_from
from customers.models import Customer, Deputyship, Job, User
from customers.services import audit
from customers.services.files import CheckedFile, kept

from .consequences import follow_bans, follow_lifts
from .evidence import attach_evidence
from .expiry import expire
from .open_orders import KEEP_ALL, OrderDecisions, decide_open_orders

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from customers.models.customer import CustomerQuerySet


LONGEST_REASON = 200


class MayNotBan(PermissionDenied):
    """The staff user may not ban or lift here. The message says why."""


class NotBanned(Exception):
    """There is no ban to lift."""


@dataclass(frozen=True)
class BulkReport:
    """How many customers a bulk ban reached: newly banned, banned before, and not the user's to ban."""

    banned: int
    standing: int
    refused: int


def why_may_not_ban(
    customer: Customer, user: User, *, at: datetime | None = None, is_deputy: bool | None = None
) -> str:
    """The sentence for somebody without the right to ban this customer; it tells who has it.

    `is_deputy`: whether he stands in for the exclusive agent, but not at this moment; told `at` instead it is looked up
    (one query).
    """
    if customer.agent is None:
        return _("This customer has no exclusive agent yet, so only a manager may ban.")
    only = _("Only this customer's exclusive agent (%(agent)s) or a manager may ban.") % {"agent": customer.agent}
    if is_deputy is None and at:
        is_deputy = Deputyship.objects.not_over(at).of_deputy(user).filter(agent=customer.agent).exists()
    if is_deputy:
        only += " " + _("You stand in for him only within the dates that a manager has approved.")
    return only


def why_may_ban(customer: Customer, user: User) -> str:
    """The sentence for somebody who has the right to ban this customer; it tells where the right comes from."""
    if customer.agent is not None and customer.agent.user_id == user.pk:
        return _("You are this customer's exclusive agent; this is allowed and costs you nothing.")
    if not user.has_perm("blocklist.ban_any_customer"):
        return _("You stand in for %(agent)s, this customer's exclusive agent; a manager approved it.") % {
            "agent": customer.agent
        }
    return _("You are a manager; you may ban any customer.")


def ban_purchase(
    customer: Customer,
    *,
    type: str,
    by: User,
    at: datetime,
    until: datetime | None = None,
    note: str = "",
    files: Sequence[CheckedFile] = (),
    orders: Mapping[int, str] | None = None,
    open_orders: str = OrderChoice.Choice.KEEP,
) -> Ban:
    """Ban one customer at once and return the ban; one who is banned already keeps the standing ban, which is returned.

    The files become evidence of the ban that stands then; where nothing comes of it they are thrown away. With a new
    ban goes what is chosen for his open orders: `orders` for each by its id, `open_orders` (keep or hold) for others.
    Raises MayNotBan without the right, ValidationError for an unknown type, an end that is not in the future, or an
    order that cannot be treated so.
    """
    one = Customer.objects.filter(pk=customer.pk)
    with kept(files, Evidence) as evidence, transaction.atomic():
        locks.close_intake()
        if not bannable_by(by, at=at).filter(pk=customer.pk).exists():
            raise MayNotBan(why_may_not_ban(customer, by, at=at))
        decisions = OrderDecisions(each=orders or {}, others=open_orders)
        _ban(one, type=type, by=by, at=at, until=until, note=note, orders=decisions)
        ban = Ban.objects.standing(at).get(customer=customer)
        attach_evidence(evidence, ban, by=by, at=at)
        return ban


def ban_purchases(
    customers: CustomerQuerySet,
    *,
    type: str,
    by: User,
    at: datetime,
    until: datetime | None = None,
    note: str = "",
    job: Job | None = None,
    open_orders: str = OrderChoice.Choice.KEEP,
) -> BulkReport:
    """Ban those of the customers whom `by` may ban, by the rule of a single ban, and report the counts.

    What a job bans can be undone together; where a second person approved the job, he has confirmed the bans.
    `open_orders`, keep or hold, is for all open orders of whoever is banned now. Raises ValidationError for an unknown
    type or an end that is not in the future. Repeating is safe.
    """
    with transaction.atomic():
        locks.close_intake()
        asked = Customer.objects.filter(pk__in=customers.order_by().values("pk"))
        allowed = asked.filter(pk__in=bannable_by(by, at=at).values("pk"))
        count, may = asked.count(), allowed.count()
        decisions = OrderDecisions(others=open_orders)
        newly = _ban(allowed, type=type, by=by, at=at, until=until, note=note, job=job, orders=decisions)
        return BulkReport(banned=newly, standing=may - newly, refused=count - may)


def _ban(
    customers: CustomerQuerySet,
    *,
    type: str,
    by: User,
    at: datetime,
    until: datetime | None,
    note: str,
    job: Job | None = None,
    orders: OrderDecisions = KEEP_ALL,
) -> int:
    """Open a ban for each of the customers who has none standing. Rights and lock are the caller's."""
    if type not in Ban.Type.values:
        raise ValidationError({"type": _("There is no such type of ban.")})
    if until is not None and until <= at:
        raise ValidationError({"until": _("A ban must end in the future.")})
    expire(Ban.objects.filter(customer__in=customers), at=at)
    by_manager = by.has_perm("blocklist.ban_any_customer")
    approved_by = job.approved_by if job and not job.is_decided_alone else None
    newly = customers.exclude(pk__in=banned(customers, at=at).values("pk"))
    latest = Ban.objects.aggregate(latest=Max("pk"))["latest"] or 0
    count = insert_from(
        Ban,
        newly,
        customer=F("pk"),
        type=type,
        note=note,
        started_at=at,
        until=until,
        by=by,
        by_manager=by_manager,
        confirm_by=None if by_manager or approved_by else _confirmation(at),
        confirmed_by=approved_by,
        confirmed_at=at if approved_by else None,
        job=job,
    )
    if count:
        # Not by customer: whoever asked for "not banned" would find none of them now. Under the lock nobody else bans.
        bans = Ban.objects.filter(pk__gt=latest)
        audit.record("ban.set", bans, by=by, at=at, fields=["type", "until", "note"])
        decide_open_orders(bans, decisions=orders, by=by, at=at)
        follow_bans(bans, by=by, at=at)
    return count


def _confirmation(at: datetime) -> Case:
    """Until when a manager is to confirm the ban of a customer of the outer query; empty where none has to."""
    is_good = When(level__gte=settings.BAN_CONFIRMED_FROM_LEVEL, then=Value(at + settings.BAN_CONFIRMED_WITHIN))
    return Case(is_good, output_field=DateTimeField())


def lift_ban(customer: Customer, *, reason: str, by: User, at: datetime) -> Ban:
    """End the customer's standing ban with a reason and return it.

    Raises NotBanned where none stands, MayNotBan without the right, ValidationError without a reason or for a long one.
    """
    reason = _given(reason)
    with transaction.atomic():
        locks.close_intake()
        standing = Ban.objects.standing(at).filter(customer=customer)
        ban = standing.first()
        if ban is None:
            raise NotBanned(_("This customer is not banned."))
        if not standing.liftable_by(by, at=at).exists():
            raise MayNotBan(why_may_not_lift(ban, by, at=at))
        _lift(standing, reason=reason, by=by, at=at)
        ban.refresh_from_db()
        return ban


def lift_bans(customers: CustomerQuerySet, *, reason: str, by: User, at: datetime, job: Job | None = None) -> int:
    """End the standing bans of those of the customers whose ban `by` may lift; return how many.

    The rule of a single lift, in a fixed number of statements. Raises ValidationError without a reason. Repeating is
    safe.
    """
    bans = Ban.objects.filter(customer__in=customers.order_by().values("pk"))
    return lift_these(bans, reason=reason, by=by, at=at, job=job)


def lift_these(bans: BanQuerySet, *, reason: str, by: User, at: datetime, job: Job | None = None) -> int:
    """End those of the bans that stand and that `by` may lift; return how many. As `lift_bans`, for bans."""
    reason = _given(reason)
    with transaction.atomic():
        locks.close_intake()
        return _lift(bans.standing(at).liftable_by(by, at=at), reason=reason, by=by, at=at, job=job)


def restore_bans(lifted: BanQuerySet, *, by: User, at: datetime) -> int:
    """Ban again whom these bans kept from buying, on the same terms; return how many. Repeating is safe.

    Only those whom `by` may ban, who are not banned otherwise meanwhile, and whose ban would not be over by now. The
    new ban has the old one's author and rights, and names it; the event tells who restored it.
    """
    with transaction.atomic():
        locks.close_intake()
        customers = Customer.objects.filter(pk__in=lifted.values("customer"))
        expire(Ban.objects.filter(customer__in=customers), at=at)
        allowed = customers.filter(pk__in=bannable_by(by, at=at).values("pk"))
        due = lifted.filter(Q(until__isnull=True) | Q(until__gt=at), customer__in=allowed.values("pk"))
        due = due.exclude(customer__in=banned(customers, at=at).values("pk"))
        # A merge since may have made one customer of two: he is banned once.
        of_him = due.filter(customer=OuterRef("customer")).strictest_first()
        due = due.filter(pk=Subquery(of_him.values("pk")[:1]))
        latest = Ban.objects.aggregate(latest=Max("pk"))["latest"] or 0
        count = insert_from(
            Ban,
            due,
            customer=F("customer_id"),
            type=F("type"),
            note=F("note"),
            until=F("until"),
            by=F("by_id"),
            by_manager=F("by_manager"),
            confirm_by=F("confirm_by"),
            confirmed_at=F("confirmed_at"),
            confirmed_by=F("confirmed_by_id"),
            upheld_at=F("upheld_at"),
            job=F("job_id"),
            started_at=at,
            restores=F("pk"),
        )
        if count:
            bans = Ban.objects.filter(pk__gt=latest)
            audit.record("ban.restored", bans, by=by, at=at, fields=["restores"])
            follow_bans(bans, by=by, at=at)
        return count


def _given(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise ValidationError({"reason": _("Say why the ban is lifted.")})
    if len(reason) > LONGEST_REASON:
        raise ValidationError({"reason": _("At most %(most)d characters.") % {"most": LONGEST_REASON}})
    return reason


def _lift(standing: BanQuerySet, *, reason: str, by: User, at: datetime, job: Job | None = None) -> int:
    """End the bans. Rights, reason and lock are the caller's."""
    # By their ids: once they are lifted they stand no more, and nothing else tells them apart.
    lifted = Ban.objects.filter(pk__in=list(standing.values_list("pk", flat=True)))
    if not lifted.exists():
        return 0
    audit.record("ban.lifted", lifted, by=by, at=at, fields=["ended_at"], reason=reason)
    count = lifted.update(ended_at=at, lifted_by=by, lift_reason=reason, lift_job=job)
    follow_lifts(lifted, by=by, at=at)
    return count


def why_may_not_lift(ban: Ban, user: User, *, at: datetime | None = None) -> str:
    """The sentence for somebody without the right to lift this ban.

    With `at` it also looks whether he stands in for the exclusive agent at that moment (one query).
    """
    agent = ban.customer.agent
    is_agent = agent is not None and agent.user_id == user.pk
    if is_agent or ban.by_id == user.pk:
        for is_so, sentence in _decided_by_manager(ban):
            if is_so:
                return sentence
    if agent is None:
        return _("This customer has no exclusive agent, so only a manager lifts the ban.")
    only = _("Only this customer's exclusive agent (%(agent)s) or a manager lifts the ban.") % {"agent": agent}
    if at and Deputyship.objects.in_force(at).of_deputy(user).filter(agent=agent).exists():
        only += " " + _("Who stands in for him lifts only the bans that he set himself.")
    return only


def _decided_by_manager(ban: Ban) -> list[tuple[bool, str]]:
    """In which ways a manager may have decided this ban, and the sentence for whoever could lift it otherwise."""
    return [
        (ban.by_manager, _("A manager set this ban, so only a manager lifts it.")),
        (ban.upheld_at is not None, _("This ban was upheld on appeal, so only a manager lifts it.")),
        (ban.confirmed_at is not None, _("A manager confirmed this ban, so only a manager lifts it.")),
    ]

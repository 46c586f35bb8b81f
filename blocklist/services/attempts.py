"""What the purchase gate did not simply allow: its log, and the tasks that orders bought despite a ban become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, Count, F, Max, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from blocklist.models import Attempt, Ban, LinkMember
from customers.bulk import insert_from
from customers.gates import Door, Outcome, Question
from customers.models import User
from customers.parts import NotificationKind
from customers.services import audit
from customers.services.notifications import notify
from customers.services.staff import who_may

from .verdicts import Finding

if TYPE_CHECKING:
    from blocklist.models.attempt import AttemptQuerySet
    from customers.models.order import OrderQuerySet

TO_DO = "to_do"


class MayNotHandle(PermissionDenied):
    """The staff user may not tick this task. The message says why."""


def _tell_despite(parameters: Mapping[str, Any]) -> str:
    count = int(parameters["count"])
    return ngettext(
        "%(count)d order was bought despite a ban: see what to do about it.",
        "%(count)d orders were bought despite a ban: see what to do about them.",
        count,
    ) % {"count": count}


BOUGHT_DESPITE = NotificationKind(
    name="bought_despite", label=gettext_lazy("a banned customer of mine bought all the same"), tell=_tell_despite
)


def log_attempt(hit: Finding, *, question: Question) -> Attempt | None:
    """Record what the gate did not simply allow: who asked about whom, by which identifiers, and which rule hit.

    An order that was placed already is recorded where the gate would have refused it: it was bought despite a ban, and
    is a task of the customer's agent.
    """
    if question.placed_at and hit.outcome is not Outcome.REFUSE:
        return None
    buyer = question.buyer
    named_by = [name for name in ("nick", "external_id", "phone", "email", "address") if getattr(buyer, name)]
    answered = Attempt.Outcome.REFUSED if hit.outcome is Outcome.REFUSE else Attempt.Outcome.REVIEW
    attempt = Attempt.objects.create(
        at=question.placed_at or question.at,
        outcome=Attempt.Outcome.DESPITE if question.placed_at else answered,
        code=hit.code,
        door=question.door,
        source_id=buyer.source_id,
        customer_id=hit.buyer_id,
        ban_id=hit.ban_id,
        watch_id=hit.watch_id,
        key=question.key,
        by=question.by,
        identifiers=named_by,
        order_number=question.order_number,
        amount=question.amount,
    )
    if question.placed_at:
        _tell_agents(Attempt.objects.filter(pk=attempt.pk), at=question.at)
    return attempt


def log_bought_despite(orders: OrderQuerySet, *, at: datetime) -> int:
    """Record those of the newly imported orders that were placed while their buyer was banned; return how many.

    A ban on somebody who is one person with the buyer by a confirmed link counts as his own.
    """
    then = Ban.objects.in_force(OuterRef("ordered_at")).order_by("pk")
    cluster = LinkMember.objects.filter(customer=OuterRef(OuterRef("customer"))).values("cluster")
    linked = LinkMember.objects.filter(cluster__in=cluster).exclude(customer=OuterRef(OuterRef("customer")))
    despite = orders.annotate(
        own_ban=Subquery(then.filter(customer=OuterRef("customer")).values("pk")[:1]),
        linked_ban=Subquery(then.filter(customer__in=linked.values("customer")).values("pk")[:1]),
    ).annotate(ban_id=Coalesce("own_ban", "linked_ban"))
    latest = Attempt.objects.aggregate(latest=Max("pk"))["latest"] or 0
    own, of_link = Attempt.Code.PURCHASE_BANNED.value, Attempt.Code.LINKED_CUSTOMER_BANNED.value
    count = insert_from(
        Attempt,
        despite.filter(ban_id__isnull=False),
        at=F("ordered_at"),
        outcome=Attempt.Outcome.DESPITE,
        code=Case(When(own_ban__isnull=True, then=Value(of_link)), default=Value(own)),
        door=Door.IMPORT,
        source=F("source_id"),
        customer=F("customer_id"),
        ban=F("ban_id"),
        identifiers=["external_id"],
        order_number=F("number"),
        amount=F("amount"),
    )
    if count:
        _tell_agents(Attempt.objects.filter(pk__gt=latest, door=Door.IMPORT), at=at)
    return count


def _tell_agents(attempts: AttemptQuerySet, *, at: datetime) -> None:
    """Tell each customer's agent how many such tasks he has now; whoever may ban anybody, of customers without one."""
    url = f"{reverse('admin:blocklist_attempt_changelist')}?task={TO_DO}"
    concerned = attempts.to_do().values("customer__agent")
    waiting = Attempt.objects.to_do().order_by().values_list("customer__agent__user").annotate(Count("pk"))
    of_agents = waiting.filter(customer__agent__in=concerned)
    unbound = waiting.filter(customer__agent__isnull=True) if concerned.filter(customer__agent=None).exists() else []
    for user, count in [*of_agents, *unbound]:
        users = who_may("blocklist.ban_any_customer") if user is None else User.objects.filter(pk=user)
        notify(users, BOUGHT_DESPITE.name, at=at, url=url, parameters={"count": count})


def handle(attempt: Attempt, *, by: User, at: datetime) -> None:
    """Tick the task that an order bought despite a ban is; one that is ticked stays so, and repeating is safe.

    Raises MayNotHandle for whoever may not change the customer.
    """
    this = Attempt.objects.filter(pk=attempt.pk)
    if not this.handleable_by(by).exists():
        raise MayNotHandle(_("You may not change this customer."))
    with transaction.atomic():
        if this.to_do().update(handled_at=at, handled_by=by):
            audit.record("attempt.handled", this, by=by, at=at, fields=["handled_at"])
    attempt.refresh_from_db()

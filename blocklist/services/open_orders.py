"""What becomes of a buyer's open orders when he is banned: kept, held for review or closed, with the ban or not at all.

An order that is on its way is never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db.models import Case, CharField, Exists, F, OuterRef, Subquery, Value, When
from django.utils.translation import gettext as _

from blocklist.models import Attempt, Ban, OrderChoice
from customers.bulk import insert_from
from customers.models import Order, OrderHold, User
from customers.parts import HoldEntry
from customers.services import order_holds

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from customers.models.order import OrderQuerySet

Choice = OrderChoice.Choice
CLOSING = (Choice.CLOSE, Choice.REFUND)
# What may be chosen for orders that nobody has looked at one by one.
FOR_ALL = (Choice.KEEP, Choice.HOLD)
# Why an order is held that its buyer's ban held, beside the codes of the gate.
BANNED = "banned"


@dataclass(frozen=True)
class OrderDecisions:
    """A choice for each order that is named by its id, and one for all others that are open."""

    each: Mapping[int, str] = field(default_factory=dict)
    others: str = Choice.KEEP


KEEP_ALL = OrderDecisions()


def decide_open_orders(bans: BanQuerySet, *, decisions: OrderDecisions, by: User, at: datetime) -> None:
    """Do with the open orders of the buyers of new bans what was chosen, and record it, kept ones included.

    In a fixed number of statements, but for those that are closed, which somebody names one by one. Runs in the
    transaction of the bans, whose rights it rests on. Raises ValidationError, naming each order that is not the
    buyers', is not open, or cannot be closed so, before anything is written.
    """
    _check_choices(decisions)
    buyers = bans.order_by().values("customer")
    opened = order_holds.lock_orders(Order.objects.open().filter(customer__in=buyers))
    named = {order.pk: order for order in Order.objects.filter(pk__in=list(decisions.each), customer__in=buyers)}
    _check_orders(named, decisions.each, by=by)
    if not opened:
        return
    _record(bans, Order.objects.filter(pk__in=opened), decisions)
    choices = OrderChoice.objects.filter(ban__in=bans)
    held = Order.objects.filter(pk__in=choices.filter(choice=Choice.HOLD).values("order"))
    order_holds.hold_orders(held, code=BANNED, by=by, at=at)
    for pk in [pk for pk, choice in decisions.each.items() if choice in CLOSING]:
        is_refund = decisions.each[pk] == Choice.REFUND
        order_holds.close_open_order(named[pk], by=by, at=at, reason=_("closed by the shop"), refund=is_refund)


def release_held_by(bans: BanQuerySet, *, by: User, at: datetime, reason: str) -> int:
    """Release the orders that these bans held and nobody has decided on since; return how many. Repeating is safe.

    For bans that are undone. Whoever lifts a ban leaves them in the list of orders to review: a person decides.
    The rights are the caller's.
    """
    chosen = OrderChoice.objects.filter(
        ban__in=bans, choice=Choice.HOLD, order=OuterRef("order"), ban__started_at=OuterRef("held_at")
    )
    holds = OrderHold.objects.open().filter(Exists(chosen), code=BANNED)
    return order_holds.release_holds(holds, outcome=OrderHold.Outcome.RELEASED, by=by, at=at, reason=reason)


def _check_choices(decisions: OrderDecisions) -> None:
    if decisions.others not in FOR_ALL:
        raise ValidationError({"open_orders": _("For all orders at once there is keep or hold.")})
    if unknown := sorted(set(decisions.each.values()) - set(Choice.values)):
        raise ValidationError({"orders": _("There is no such choice: %(choice)s.") % {"choice": ", ".join(unknown)}})


def _check_orders(named: Mapping[int, Order], chosen: Mapping[int, str], *, by: User) -> None:
    missing = [_("This customer has no order #%(id)s.") % {"id": pk} for pk in chosen if pk not in named]
    holds = {hold.order_id: hold for hold in OrderHold.objects.open().filter(order__in=list(named))} if named else {}
    wrong = (_why_not(order, holds.get(pk), chosen[pk], by=by) for pk, order in named.items())
    if sentences := [*missing, *filter(None, wrong)]:
        raise ValidationError({"orders": sentences})


def _why_not(order: Order, hold: OrderHold | None, choice: str, *, by: User) -> str:
    """Why this cannot be done with the order; empty where it can. To keep an order that is on its way is no mistake."""
    said = {"number": order.number, "status": order.get_status_display()}
    if choice == Choice.KEEP:
        return ""
    if order.status not in Order.OPEN:
        return _("Order %(number)s is left alone: it is %(status)s.") % said
    if choice == Choice.HOLD:
        return ""
    is_paid = order_holds.is_paid(order, hold)
    if is_paid and choice == Choice.CLOSE:
        return _("Order %(number)s is paid: keep it, hold it, or have a manager close it with a refund.") % said
    if choice == Choice.REFUND and not is_paid:
        return _("Order %(number)s is not paid: there is nothing to refund.") % said
    return order_holds.why_not_closed(order, hold, by)


def _record(bans: BanQuerySet, opened: OrderQuerySet, decisions: OrderDecisions) -> None:
    by_choice: dict[str, list[int]] = {}
    for pk, choice in decisions.each.items():
        by_choice.setdefault(choice, []).append(pk)
    whens = [When(pk__in=ids, then=Value(choice)) for choice, ids in by_choice.items()]
    chosen = Case(*whens, default=Value(str(decisions.others)), output_field=CharField())
    ban = bans.filter(customer=OuterRef("customer")).order_by().values("pk")[:1]
    insert_from(OrderChoice, opened, ban=Subquery(ban), order=F("pk"), choice=chosen)


# Why an order is held ------------------------------------------------------------------------------------------------


def entries_of_holds(holds: Collection[int]) -> dict[int, HoldEntry]:
    """The bans and watches that made orders wait for review, by id of the hold, in three queries at most."""
    attempts = Attempt.objects.filter(
        at=OuterRef("held_at"), order_number=OuterRef("order__number"), source=OuterRef("order__source")
    )
    choices = OrderChoice.objects.filter(order=OuterRef("order"), ban__started_at=OuterRef("held_at"))
    rows = OrderHold.objects.filter(pk__in=list(holds)).annotate(
        attempt=Subquery(attempts.filter(outcome=Attempt.Outcome.REVIEW).order_by("-pk").values("pk")[:1]),
        banned=Subquery(choices.filter(choice=Choice.HOLD).values("ban")[:1]),
    )
    found = list(rows.values_list("pk", "attempt", "banned")) if holds else []
    attempt_rows = Attempt.objects.filter(pk__in=[attempt for _pk, attempt, _ban in found if attempt])
    by_attempt = {row.pk: row for row in attempt_rows.select_related("ban__by", "watch")}
    bans = Ban.objects.select_related("by").in_bulk([ban for _pk, _attempt, ban in found if ban])
    entries = {pk: _entry(by_attempt.get(attempt), bans.get(ban)) for pk, attempt, ban in found}
    return {pk: entry for pk, entry in entries.items() if entry}


def _entry(attempt: Attempt | None, ban: Ban | None) -> HoldEntry | None:
    if attempt is not None and attempt.ban is None:
        return HoldEntry(text=_("the gate's record"), url=attempt.get_absolute_url())
    ban = attempt.ban if attempt is not None else ban
    if ban is None:
        return None
    said = {"type": ban.get_type_display(), "user": ban.by}
    return HoldEntry(text=_("ban: %(type)s, by %(user)s") % said, url=ban.get_absolute_url())

"""Levels (会员等级): what trade figures earn, and what is set by hand.

Trade figures only raise a level, never that of a customer whom an upper app holds (`parts.level_holds`: the banned). A
level that was set by hand rises further by trade figures, unless it was set below what the customer had earned by then:
that one stays. A manager may apply the thresholds downwards too; what was set by hand stays then as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils.translation import gettext as _

from customers.bulk import insert_from
from customers.models import Customer, LevelChange, LevelRule, User
from customers.models.level import earned_level
from customers.parts import parts

from . import audit

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

Basis = Customer.LevelBasis


class MayNotSetLevel(PermissionDenied):
    """The staff user may not change levels. The message says so."""


def set_level(customers: CustomerQuerySet, *, level: int, by: User, at: datetime, reason: str) -> int:
    """Give those of the customers whom `by` may edit this level by hand; return how many had another one.

    Who has the level already is left alone, so repeating is safe. Raises MayNotSetLevel without the right,
    ValidationError for an unknown level or without a reason.
    """
    if not by.has_perm("customers.change_customer"):
        raise MayNotSetLevel(_("You may not change the level of customers."))
    _check(level, reason)
    others = customers.editable_by(by).exclude(level=level)
    basis = Case(When(Q(earned__gt=level), then=Value(Basis.HELD.value)), default=Value(Basis.BY_HAND.value))
    with transaction.atomic():
        ids = _locked(others)
        changed = Customer.objects.filter(pk__in=ids).annotate(earned=earned_level(LevelRule.objects.all()))
        if ids:
            audit.record("customer.level_set", changed, by=by, at=at, fields=["level"], reason=reason)
            _write(changed, level=Value(level), basis=basis, by=by, at=at, reason=reason)
    return len(ids)


def follow_figures(customers: CustomerQuerySet, *, by: User, at: datetime) -> int:
    """Let trade figures decide again where a level was set by hand, of those whom `by` may edit; return how many.

    Their level goes up or down to what they have earned; who is held (banned) does not go up. Repeating is safe.
    Raises MayNotSetLevel without the right.
    """
    if not by.has_perm("customers.change_customer"):
        raise MayNotSetLevel(_("You may not change the level of customers."))
    with transaction.atomic():
        ids = _locked(customers.editable_by(by).exclude(level_basis=Basis.FIGURES))
        changed, rules = Customer.objects.filter(pk__in=ids), list(LevelRule.objects.all())
        if ids:
            reason = _("follows the trade figures again")
            audit.record("customer.level_set", changed, by=by, at=at, fields=["level"], reason=reason)
            changed.update(level_basis=Basis.FIGURES, updated_at=at)
            _follow_figures(rising(changed, rules, at=at), rules, by=by, at=at, reason=reason)
            _follow_figures(falling(changed, rules), rules, by=by, at=at, reason=reason)
    return len(ids)


def take_over_level(kept: Customer, merged: Customer, *, by: User, at: datetime) -> None:
    """Record the higher level of whoever is merged into another as his. Runs inside the transaction of the merge."""
    if merged.level > kept.level:
        one = Customer.objects.filter(pk=kept.pk)
        reason = _("taken over from the customer who was merged into this one")
        _write(one, level=Value(merged.level), basis=Value(merged.level_basis), by=by, at=at, reason=reason)


def raise_levels(customers: CustomerQuerySet, *, at: datetime) -> int:
    """Raise those of the customers whose trade figures have earned more than they have; return how many.

    Repeating is safe. Runs in the transaction of whoever changed the figures.
    """
    rules = list(LevelRule.objects.all())
    return apply_rules(customers, rules, at=at) if rules else 0


def apply_rules(
    customers: CustomerQuerySet, rules: Sequence[LevelRule], *, at: datetime, lowered_by: User | None = None
) -> int:
    """Raise those of the customers who have earned more by these rules; return how many levels were changed.

    With `lowered_by`, a manager, also lower those who have earned less. Repeating is safe. Runs inside the caller's
    transaction.
    """
    count = _follow_figures(rising(customers, rules, at=at), rules, by=None, at=at)
    if lowered_by is not None:
        reason = _("the thresholds were applied downwards")
        count += _follow_figures(falling(customers, rules), rules, by=lowered_by, at=at, reason=reason)
    return count


def rising(customers: CustomerQuerySet, rules: Sequence[LevelRule], *, at: datetime) -> CustomerQuerySet:
    """Those of the customers whom these rules raise, with `earned`, the level that they reach."""
    return _earning_more(customers, rules).exclude(_held(at))


def falling(customers: CustomerQuerySet, rules: Sequence[LevelRule]) -> CustomerQuerySet:
    """Those of the customers who have earned less by these rules than they have, with `earned`; nobody set by hand."""
    earning = customers.filter(level_basis=Basis.FIGURES).annotate(earned=earned_level(rules))
    return earning.filter(earned__lt=F("level"))


def held_back(
    customers: CustomerQuerySet, rules: Sequence[LevelRule], *, at: datetime
) -> Iterator[tuple[str, CustomerQuerySet]]:
    """Those of the customers who have earned more and are not raised, by why; somebody may be in two of them."""
    for part in parts.level_holds:
        yield str(part.label), _earning_more(part.of(customers, at), rules)
    by_hand = customers.filter(level_basis=Basis.HELD).annotate(earned=earned_level(rules))
    yield _("set by hand below what was earned"), by_hand.filter(earned__gt=F("level"))


def _follow_figures(
    customers: CustomerQuerySet, rules: Sequence[LevelRule], *, by: User | None, at: datetime, reason: str = ""
) -> int:
    ids = _locked(customers)
    if ids:
        changed = Customer.objects.filter(pk__in=ids).annotate(earned=earned_level(rules))
        _write(changed, level=F("earned"), basis=Value(Basis.FIGURES.value), by=by, at=at, reason=reason)
    return len(ids)


def _earning_more(customers: CustomerQuerySet, rules: Sequence[LevelRule]) -> CustomerQuerySet:
    earning = customers.annotate(earned=earned_level(rules)).exclude(level_basis=Basis.HELD)
    return earning.filter(earned__gt=F("level"))


def _held(at: datetime) -> Q:
    held = Q(pk__in=[])
    for part in parts.level_holds:
        held |= Q(Exists(part.of(Customer.objects.filter(pk=OuterRef("pk")), at)))
    return held


def _locked(customers: CustomerQuerySet) -> list[int]:
    """The ids of rows that nobody changes until the transaction ends: the record tells the level that they had."""
    return list(customers.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))


def _write(
    customers: CustomerQuerySet, *, level: Any, basis: Any, by: User | None, at: datetime, reason: str = ""
) -> None:
    insert_from(
        LevelChange,
        customers,
        customer=F("pk"),
        from_level=F("level"),
        to_level=level,
        by=by,
        reason=reason,
        trade_count=F("trade_count"),
        trade_amount=F("trade_amount"),
        at=at,
    )
    customers.update(level=level, level_basis=basis, updated_at=at)


def _check(level: int, reason: str) -> None:
    errors = {}
    if level not in Customer.Level.values:
        errors["level"] = _("There is no level %(level)s.") % {"level": level}
    if not reason.strip():
        errors["reason"] = _("Say why: the reason stays with the customer.")
    if errors:
        raise ValidationError(errors)

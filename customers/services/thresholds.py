"""The thresholds of the levels: keeping them, what they would change, and applying them to everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.bulk import stretch_end
from customers.models import Customer, Job, LevelRule, User

from . import audit
from .jobs import JobKind, start, start_once
from .levels import apply_rules, falling, held_back, rising


class MayNotChangeThresholds(PermissionDenied):
    """The staff user may not change what a level takes. The message says so."""


@dataclass(frozen=True)
class Move:
    """How many customers would go from one level to another."""

    from_level: Customer.Level
    to_level: Customer.Level
    count: int

    @property
    def is_up(self) -> bool:
        return self.to_level > self.from_level


@dataclass(frozen=True)
class Forecast:
    """What thresholds would change, and how many customers stay below what they earned, by why."""

    moves: list[Move]
    held: dict[str, int]

    @property
    def count(self) -> int:
        return sum(move.count for move in self.moves)


def thresholds() -> list[LevelRule]:
    """One for each level above none, in ascending order; a level that has no row yet has no threshold."""
    stored = {rule.level: rule for rule in LevelRule.objects.all()}
    return [stored.get(level, LevelRule(level=level)) for level in Customer.Level.values[1:]]


def check(rules: Sequence[LevelRule]) -> None:
    """Raise ValidationError, by `trade_amount_<level>` and `trade_count_<level>`, unless each takes more than the last.

    A level that is not harder to reach than the one above it would never be anybody's.
    """
    errors = {}
    for name in ("trade_amount", "trade_count"):
        below = None
        for rule in sorted(rules, key=lambda rule: rule.level):
            value = getattr(rule, name)
            if value is not None and value <= (below or 0):
                errors[f"{name}_{rule.level}"] = (
                    _("This must be more than for the level below.") if below else _("A threshold is more than zero.")
                )
            below = below if value is None else value
    if errors:
        raise ValidationError(errors)


def forecast(rules: Sequence[LevelRule], *, downwards: bool, at: datetime) -> Forecast:
    """What these thresholds would change now; nothing is written. Raises ValidationError as `check` does."""
    check(rules)
    everybody = Customer.objects.all()
    directions: list[QuerySet[Any]] = [rising(everybody, rules, at=at)]
    if downwards:
        directions.append(falling(everybody, rules))
    moves = [
        Move(Customer.Level(from_level), Customer.Level(to_level), count)
        for customers in directions
        for from_level, to_level, count in customers.order_by()
        .values("level", "earned")
        .annotate(count=Count("pk"))
        .values_list("level", "earned", "count")
    ]
    return Forecast(
        moves=sorted(moves, key=lambda move: (not move.is_up, move.from_level, move.to_level)),
        held={label: held.count() for label, held in held_back(everybody, rules, at=at)},
    )


def save_thresholds(rules: Sequence[LevelRule], *, downwards: bool, by: User, at: datetime) -> Job:
    """Keep these thresholds and apply them to everybody in the background; return the job.

    Upwards always, downwards only where asked for. Raises MayNotChangeThresholds, ValidationError as `check` does.
    """
    if not by.has_perm("customers.change_levelrule"):
        raise MayNotChangeThresholds(_("Only a manager changes the thresholds of the levels."))
    expected = forecast(rules, downwards=downwards, at=at).count
    values = [
        LevelRule(level=rule.level, trade_amount=rule.trade_amount, trade_count=rule.trade_count) for rule in rules
    ]
    fields = ["trade_amount", "trade_count"]
    with transaction.atomic():
        LevelRule.objects.bulk_create(values, update_conflicts=True, unique_fields=["level"], update_fields=fields)
        audit.record("levelrule.changed", LevelRule.objects.all(), by=by, at=at, fields=fields)
        return start(ApplyThresholds.name, by=by, at=at, downwards=downwards, expected=expected)


def apply_nightly(*, at: datetime) -> Job | None:
    """Raise in nobody's name whom a trade could not raise: whose ban is over, or who was there before the thresholds.

    Asks for a job only where somebody rises and none is under way.
    """
    expected = rising(Customer.objects.all(), list(LevelRule.objects.all()), at=at).count()
    return start_once(ApplyThresholds.name, at=at, downwards=False, expected=expected) if expected else None


class ApplyThresholds(JobKind):
    """Gives everybody the level that his trade figures reach, in stretches of their ids; `downwards` too if asked."""

    name: ClassVar[str] = "apply_thresholds"
    label = gettext_lazy("Apply the thresholds of the levels")

    def step(self, job: Job, *, at: datetime) -> bool:
        job.total = job.parameters["expected"] if job.total is None else job.total
        rest = Customer.objects.filter(pk__gt=job.collected_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            job.total = job.done_count
            return False
        by = job.by if job.parameters["downwards"] else None
        rules = list(LevelRule.objects.all())
        job.done_count += apply_rules(rest.filter(pk__lte=last), rules, lowered_by=by, at=at)
        job.collected_up_to = last
        return True

    def describe(self, job: Job) -> str:
        return (
            _("Apply the thresholds of the levels, also downwards") if job.parameters["downwards"] else str(self.label)
        )

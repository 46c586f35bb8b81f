from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import Case, IntegerField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from .customer import Customer


class LevelRule(models.Model):
    """What a customer must have bought to reach a level: an amount, or a number of trades; either is enough.

    A level without both is given by hand only.
    """

    level = models.PositiveSmallIntegerField(_("level"), choices=Customer.Level.choices[1:], unique=True)
    trade_amount = models.DecimalField(
        _("trade amount from"), max_digits=14, decimal_places=2, null=True, blank=True, help_text=_("Empty: no matter.")
    )
    trade_count = models.PositiveIntegerField(
        _("trade count from"), null=True, blank=True, help_text=_("Empty: no matter.")
    )

    class Meta:
        verbose_name = _("level threshold")
        verbose_name_plural = _("levels")
        constraints = [
            models.CheckConstraint(
                condition=Q(trade_amount__gt=0) | Q(trade_amount__isnull=True),
                name="level_rule_amount_above_zero",
                violation_error_message=_("A threshold is more than zero."),
            ),
            models.CheckConstraint(
                condition=Q(trade_count__gt=0) | Q(trade_count__isnull=True),
                name="level_rule_count_above_zero",
                violation_error_message=_("A threshold is more than zero."),
            ),
        ]

    def __str__(self) -> str:
        return self.get_level_display()

    def reached(self) -> Q:
        """Who has bought enough for this level; nobody where it has no threshold."""
        enough = Q(pk__in=[])
        if self.trade_amount is not None:
            enough |= Q(trade_amount__gte=self.trade_amount)
        if self.trade_count is not None:
            enough |= Q(trade_count__gte=self.trade_count)
        return enough


def earned_level(rules: Iterable[LevelRule]) -> Case:
    """The highest level that a customer's trade figures reach by these rules, over rows of customers."""
    highest_first = sorted(rules, key=lambda rule: rule.level, reverse=True)
    return Case(
        *(When(rule.reached(), then=Value(rule.level)) for rule in highest_first),
        default=Value(Customer.Level.NONE.value),
        output_field=IntegerField(),
    )


class LevelChange(models.Model):
    """One change of a customer's level: why he has the level that he has. Never edited."""

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("customer")
    )
    from_level = models.PositiveSmallIntegerField(_("from level"), choices=Customer.Level.choices)
    to_level = models.PositiveSmallIntegerField(_("to level"), choices=Customer.Level.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("by"),
        help_text=_("Empty: reached by trade figures."),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # As they stood then: the thresholds that they reached may change.
    trade_count = models.PositiveIntegerField(_("trade count"))
    trade_amount = models.DecimalField(_("trade amount"), max_digits=14, decimal_places=2)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("change of level")
        verbose_name_plural = _("changes of level")
        indexes = [
            # why a customer has his level, the latest change first
            models.Index(fields=["customer", "-id"], name="level_change_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

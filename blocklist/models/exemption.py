from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer

from .period import Period, PeriodQuerySet


class Exemption(Period):
    """A customer whom links, matches and watch do not stop (白名单). It never outranks a ban on himself."""

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    reason = models.CharField(_("reason"), max_length=200)
    started_at = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: without end."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("set by")
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("ended by"),
    )

    objects = PeriodQuerySet["Exemption"].as_manager()

    class Meta:
        verbose_name = _("exemption")
        verbose_name_plural = _("exemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(ended_at__isnull=True),
                name="exemption_one_open",
                violation_error_message=_("This customer is exempt already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

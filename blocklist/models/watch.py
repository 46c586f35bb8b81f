from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Customer

from .ban import MaliciousType
from .period import Period, PeriodQuerySet


class WatchQuerySet(PeriodQuerySet["Watch"]):
    def confirmed(self) -> WatchQuerySet:
        """Those that a person stands for: the gate holds the orders of these. The others only advise the staff."""
        return self.filter(confirmed_at__isnull=False)

    def proposed(self) -> WatchQuerySet:
        """Those of a rule that no person has confirmed."""
        return self.filter(confirmed_at__isnull=True)


class Watch(Period):
    """An entry of the watch list (观察名单), a level below a ban. Set by a person it is confirmed; a rule's waits."""

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    type = models.CharField(_("type"), max_length=20, choices=MaliciousType.choices)
    note = models.TextField(_("note"), blank=True)
    rule = models.CharField(_("set by the rule"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: without end."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("set by"),
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed by"),
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
    end_reason = models.CharField(_("reason for ending"), max_length=200, blank=True)

    objects = WatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watch list")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(ended_at__isnull=True),
                name="watch_one_open",
                violation_error_message=_("This customer is on the watch list already."),
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("started_at")),
                name="watch_ends_after_it_starts",
                violation_error_message=_("A watch ends after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(by__isnull=False) | ~Q(rule=""),
                name="watch_names_who_set_it",
                violation_error_message=_("A watch names the person or the rule that set it."),
            ),
        ]
        indexes = [
            # a customer's watches, the latest first
            models.Index(fields=["customer", "-started_at"], name="watch_customer"),
        ]
        permissions = [
            ("watch_any_customer_briefly", _("May put any customer on the watch list for a day")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_watch_change", args=[self.pk])

    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

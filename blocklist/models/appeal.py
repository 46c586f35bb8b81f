from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Customer, Inquiry, Source

from .ban import Ban


class AppealQuerySet(models.QuerySet["Appeal"]):
    def open(self) -> AppealQuerySet:
        """Those that wait for a decision."""
        return self.filter(state=Appeal.State.OPEN)

    def decided(self) -> AppealQuerySet:
        """Those that a manager upheld or overturned."""
        return self.filter(state__in=[Appeal.State.UPHELD, Appeal.State.OVERTURNED])


class Appeal(models.Model):
    """A banned buyer asks the shop to think again (申诉): an agent opens it from an inquiry, or the storefront."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("appeal", "open")
        UPHELD = "upheld", pgettext_lazy("appeal", "ban upheld")
        OVERTURNED = "overturned", pgettext_lazy("appeal", "ban overturned")
        WITHDRAWN = "withdrawn", pgettext_lazy("appeal", "withdrawn")

    ban = models.ForeignKey(Ban, on_delete=models.PROTECT, related_name="appeals", verbose_name=_("ban"))
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    text = models.TextField(_("what the buyer says"))
    inquiry = models.ForeignKey(
        Inquiry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("inquiry")
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("source"),
        help_text=_("Where it came from, if the storefront told it."),
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("opened by"),
    )
    opened_at = models.DateTimeField(_("opened"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    answer = models.TextField(_("answer to the buyer"), blank=True)
    note = models.TextField(_("note for colleagues"), blank=True)
    is_decided_alone = models.BooleanField(
        _("decided alone"), default=False, help_text=_("By whoever banned, because nobody else has the right.")
    )

    objects = AppealQuerySet.as_manager()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        constraints = [
            models.UniqueConstraint(
                fields=["ban"],
                condition=Q(state="open"),
                name="appeal_one_open",
                violation_error_message=_("An appeal against this ban is open already."),
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="appeal_open_until_decided",
                violation_error_message=_("An appeal is open until it is decided."),
            ),
        ]
        indexes = [
            # a customer's appeals, the latest first
            models.Index(fields=["customer", "-opened_at"], name="appeal_customer"),
        ]
        permissions = [
            ("decide_appeal", _("May decide appeals")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_appeal_change", args=[self.pk])

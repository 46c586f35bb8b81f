from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Account

from .ban import Ban


class MarketplaceTask(models.Model):
    """What a person has yet to do in a marketplace's own seller tool, which offers no interface for it."""

    class Action(models.TextChoices):
        BLOCK = "block", pgettext_lazy("marketplace", "block the buyer")
        UNBLOCK = "unblock", pgettext_lazy("marketplace", "unblock the buyer")

    ban = models.ForeignKey(Ban, on_delete=models.PROTECT, related_name="tasks", verbose_name=_("ban"))
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("account"))
    action = models.CharField(_("what to do"), max_length=10, choices=Action.choices)
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("done by"),
    )

    class Meta:
        verbose_name = _("task in a marketplace")
        verbose_name_plural = _("tasks in marketplaces")
        constraints = [
            models.UniqueConstraint(
                fields=["ban", "account", "action"],
                name="marketplace_task_once",
                violation_error_message=_("This task is there already."),
            ),
        ]
        indexes = [
            # what is not ticked yet
            models.Index(fields=["created_at"], condition=Q(done_at__isnull=True), name="marketplace_task_open"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Account, Customer

from .ban import Ban

if TYPE_CHECKING:
    from customers.models import User


class MarketplaceTaskQuerySet(models.QuerySet["MarketplaceTask"]):
    def open(self) -> MarketplaceTaskQuerySet:
        """Those that somebody has yet to do."""
        return self.filter(done_at__isnull=True, needless_at__isnull=True)

    def done(self) -> MarketplaceTaskQuerySet:
        """Those that somebody has ticked."""
        return self.filter(done_at__isnull=False)

    def needless(self) -> MarketplaceTaskQuerySet:
        """Those that need not be done any more, or never had to be."""
        return self.filter(needless_at__isnull=False)

    def with_later(self) -> MarketplaceTaskQuerySet:
        """Each with `has_later`: whether a later task about the same account is there."""
        return self.annotate(has_later=_has_later())

    def overtaken(self) -> MarketplaceTaskQuerySet:
        """Those that are still to do while a later task about the same account is there."""
        return self.open().filter(_has_later())

    def visible_to(self, user: User) -> MarketplaceTaskQuerySet:
        """Those about a customer whom he sees."""
        return self.filter(ban__customer__in=Customer.objects.visible_to(user).values("pk"))


def _has_later() -> Exists:
    return Exists(MarketplaceTask.objects.filter(account=OuterRef("account"), pk__gt=OuterRef("pk")))


class MarketplaceTask(models.Model):
    """What a person has yet to do in a marketplace's own seller tool, which offers no interface for it."""

    class Action(models.TextChoices):
        BLOCK = "block", pgettext_lazy("marketplace", "block the buyer")
        UNBLOCK = "unblock", pgettext_lazy("marketplace", "unblock the buyer")

    ban = models.ForeignKey(Ban, on_delete=models.PROTECT, related_name="tasks", verbose_name=_("ban"))
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("account"))
    action = models.CharField(_("what to do"), max_length=10, choices=Action.choices)
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(pgettext_lazy("marketplace", "done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("done by"),
    )
    needless_at = models.DateTimeField(
        _("needless since"),
        null=True,
        blank=True,
        help_text=_("The marketplace stood so already, or a later task overtook this one."),
    )

    objects = MarketplaceTaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task in a marketplace")
        verbose_name_plural = _("tasks in marketplaces")
        constraints = [
            models.UniqueConstraint(
                fields=["ban", "account", "action"],
                name="marketplace_task_once",
                violation_error_message=_("This task is there already."),
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True) | Q(needless_at__isnull=True),
                name="marketplace_task_done_or_needless",
                violation_error_message=_("A task that was done is not needless."),
            ),
        ]
        indexes = [
            # what is not ticked yet
            models.Index(
                fields=["created_at"],
                condition=Q(done_at__isnull=True, needless_at__isnull=True),
                name="marketplace_task_to_do",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def is_open(self) -> bool:
        return self.done_at is None and self.needless_at is None

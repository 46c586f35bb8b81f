from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .user import User


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, user: User) -> NotificationQuerySet:
        return self.filter(user=user)

    def unread(self) -> NotificationQuerySet:
        return self.filter(read_at__isnull=True)

    def read_before(self, moment: datetime) -> NotificationQuerySet:
        return self.filter(read_at__lt=moment)

    def newest_first(self) -> NotificationQuerySet:
        return self.order_by("-created_at", "-pk")


class Notification(models.Model):
    """News for one member of the staff, shown at the bell. Holds no personal data: ids and the staff's names only.

    The sentence belongs to its kind (`parts.notification_kinds`) and is read in the language of whoever looks.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("for")
    )
    kind = models.CharField(_("kind"), max_length=40)
    parameters = models.JSONField(_("parameters"), default=dict)
    url = models.CharField(_("page"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))
    read_at = models.DateTimeField(_("read"), null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            # one's own, the newest first
            models.Index(fields=["user", "-created_at", "-id"], name="notification_newest"),
            # how many are unread, on every page
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class UnwantedNews(models.Model):
    """A kind of news that one member of the staff does not want at his bell. Without a row he is told."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("user")
    )
    kind = models.CharField(_("kind"), max_length=40)

    class Meta:
        verbose_name = _("unwanted news")
        verbose_name_plural = _("unwanted news")
        constraints = [
            # serves the question as well: does this user want to be told
            models.UniqueConstraint(
                fields=["user", "kind"],
                name="unwanted_news_once",
                violation_error_message=_("This kind of news is switched off already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .job import Job


class Event(models.Model):
    """What somebody changed: append-only, written by the service in the transaction of the change.

    It holds ids and field names only, so that merging and erasing a person leave it alone. A bulk action is one event,
    to which each of its stretches adds rows.
    """

    is_append_only: ClassVar[bool] = True

    at = models.DateTimeField(_("at"), db_index=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    verb = models.CharField(_("what"), max_length=60)
    fields = models.JSONField(_("fields"), default=list)
    reason = models.CharField(_("why"), max_length=200, blank=True)
    job = models.ForeignKey(
        Job,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("bulk action"),
    )

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        constraints = [
            models.UniqueConstraint(
                fields=["job", "verb"],
                condition=models.Q(job__isnull=False),
                name="event_once_per_job",
                violation_error_message=_("This bulk action has such an event already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} #{self.pk}"


class EventRow(models.Model):
    """One row that an event touched."""

    is_append_only: ClassVar[bool] = True

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="rows", verbose_name=_("audit event"))
    model = models.CharField(_("kind"), max_length=60)
    row_id = models.BigIntegerField(_("row"))

    class Meta:
        verbose_name = _("touched row")
        verbose_name_plural = _("touched rows")
        indexes = [
            # what happened to this row
            models.Index(fields=["row_id", "model"], name="event_row_of"),
        ]

    def __str__(self) -> str:
        return f"{self.model} #{self.row_id}"

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .customer import Customer

if TYPE_CHECKING:
    from .user import User


class JobQuerySet(models.QuerySet["Job"]):
    def under_way(self) -> JobQuerySet:
        return self.filter(state__in=[Job.State.WAITING, Job.State.RUNNING])

    def unfinished(self) -> JobQuerySet:
        """Under way, or waiting for a second person."""
        return self.filter(state__in=[Job.State.WAITING, Job.State.RUNNING, Job.State.APPROVAL])

    def awaiting_approval(self) -> JobQuerySet:
        return self.filter(state=Job.State.APPROVAL)

    def claimable(self, at: datetime) -> JobQuerySet:
        """Under way, and nobody is at work on them: whoever was, has died."""
        return self.under_way().filter(Q(leased_until__isnull=True) | Q(leased_until__lte=at))

    def visible_to(self, user: User) -> JobQuerySet:
        """Everybody sees his own; who may see the figures of the whole shop sees all."""
        return self if user.has_perm("customers.view_shop_figures") else self.filter(by=user)


class Job(models.Model):
    """Work that somebody asked for and that may outlast a request: a bulk action, an export, an import."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("job", "waiting")
        RUNNING = "running", pgettext_lazy("job", "running")
        APPROVAL = "approval", pgettext_lazy("job", "waiting for approval")
        FINISHED = "finished", pgettext_lazy("job", "finished")
        FAILED = "failed", pgettext_lazy("job", "failed")
        CANCELLED = "cancelled", pgettext_lazy("job", "cancelled")

    kind = models.CharField(_("kind"), max_length=40)
    parameters = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(_("rows in all"), null=True, help_text=_("Empty: not counted yet."))
    done_count = models.PositiveIntegerField(_("rows done"), default=0)
    refused_count = models.PositiveIntegerField(_("rows refused"), default=0)
    message = models.TextField(_("message"), blank=True)
    result_path = models.CharField(_("file"), max_length=255, blank=True, help_text=_("Below the data folder."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    # A second person decided whether it may go on.
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    is_decided_alone = models.BooleanField(
        _("decided alone"), default=False, help_text=_("By whoever asked, because nobody else has the right.")
    )
    language = models.CharField(_("language"), max_length=10, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(_("started"), null=True)
    progressed_at = models.DateTimeField(_("last progress"), null=True)
    finished_at = models.DateTimeField(pgettext_lazy("time", "finished"), null=True)

    # Who is at work on it, and until when the others keep away.
    token = models.CharField(_("token"), max_length=32, blank=True, editable=False)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    # A bulk action first collects its rows in order of their ids.
    collected_up_to = models.BigIntegerField(_("collected up to"), default=0, editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            # what waits for a worker
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "running"]), name="job_under_way"),
            # what waits for a second person
            models.Index(fields=["kind"], condition=Q(state="approval"), name="job_approval"),
            # one's own, the newest first
            models.Index(fields=["by", "-id"], name="job_by"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_job_change", args=[self.pk])

    def is_under_way(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    def is_free(self, at: datetime) -> bool:
        """Whether nobody is at work on it, as far as its lease says."""
        return self.leased_until is None or self.leased_until <= at

    def has_stalled(self, at: datetime, *, after: timedelta) -> bool:
        """Under way, and nothing has moved for so long."""
        moved_at = max(filter(None, (self.created_at, self.started_at, self.progressed_at)))
        return self.is_under_way() and at - moved_at > after


class JobRow(models.Model):
    """A customer whom a bulk action is for, and what became of him. The rows stand as they were when it was asked."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("job", "waiting")
        DONE = "done", pgettext_lazy("job", "done")
        REFUSED = "refused", pgettext_lazy("job", "refused")

    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="rows", verbose_name=_("job"))
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    refusal = models.CharField(_("why refused"), max_length=40, blank=True, help_text=_("A code of the job's kind."))

    class Meta:
        verbose_name = _("row of a job")
        verbose_name_plural = _("rows of jobs")
        constraints = [
            models.UniqueConstraint(
                fields=["job", "customer"],
                name="job_row_once",
                violation_error_message=_("This customer stands in this job already."),
            ),
            models.CheckConstraint(
                condition=Q(state="refused") | Q(refusal=""),
                name="job_row_refusal_only_when_refused",
                violation_error_message=_("Only a refused row has a reason for it."),
            ),
        ]
        indexes = [
            # the next rows to work on, and the refused ones of the report
            models.Index(fields=["job", "state", "customer"], name="job_row_state"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

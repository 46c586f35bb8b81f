from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .source import Source


class ImportRun(models.Model):
    """One import: what was read, what became of it, and where the rejected rows lie."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("not imported yet")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")
        REVERTED = "reverted", _("reverted")

    class Step(models.TextChoices):
        READING = "reading", _("reading and checking the file")
        WRITING = "writing", _("comparing and writing the rows")

    format = models.CharField(_("format"), max_length=20)
    file_name = models.CharField(_("file"), max_length=255)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source")
    )
    kind = models.CharField(_("kind of rows"), max_length=20, blank=True)
    mapping = models.JSONField(_("columns"), default=dict, blank=True, help_text=_("Which column is which field."))
    header_key = models.CharField(max_length=64, blank=True, editable=False)
    upload_path = models.CharField(
        _("uploaded file"), max_length=255, blank=True, help_text=_("Below the data folder.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    step = models.CharField(_("what is being done"), max_length=10, choices=Step.choices, blank=True)
    forecast = models.JSONField(_("what would change"), null=True, blank=True, help_text=_("Rows per kind."))
    created_counts = models.JSONField(_("new rows"), default=dict, help_text=_("New rows per kind."))
    rejected_count = models.PositiveIntegerField(_("rejected rows"), default=0)
    rejects_path = models.CharField(_("rejects file"), max_length=255, blank=True)
    message = models.TextField(_("message"), blank=True)
    started_at = models.DateTimeField(_("started"))
    # A run without a job says so itself while it is at work.
    progressed_at = models.DateTimeField(_("last progress"), null=True, editable=False)
    finished_at = models.DateTimeField(pgettext_lazy("time", "finished"), null=True, blank=True)
    job = models.ForeignKey(
        "customers.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("job")
    )
    revert_counts = models.JSONField(
        _("reverted"), default=dict, blank=True, help_text=_("Rows that were deleted, and kept by reason, per kind.")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("import run")
        verbose_name_plural = _("import runs")
        indexes = [
            # how a table with these columns was mapped the last time
            models.Index(fields=["header_key", "-id"], condition=~models.Q(header_key=""), name="import_run_header"),
        ]
        permissions = [("revert_importrun", _("May revert an import"))]

    def __str__(self) -> str:
        return f"{self.format} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_importrun_change", args=[self.pk])


class Imported(models.Model):
    """Base of every row that an import may create: it carries the run that created it."""

    import_run = models.ForeignKey(
        ImportRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("import run"),
    )

    class Meta:
        abstract = True

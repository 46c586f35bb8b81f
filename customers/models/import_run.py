from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportRun(models.Model):
    """One import: what was read, what became of it, and where the rejected rows lie."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")

    format = models.CharField(_("format"), max_length=20)
    file_name = models.CharField(_("file"), max_length=255)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    created_counts = models.JSONField(_("new rows"), default=dict, help_text=_("New rows per kind."))
    rejected_count = models.PositiveIntegerField(_("rejected rows"), default=0)
    rejects_path = models.CharField(_("rejects file"), max_length=255, blank=True)
    message = models.TextField(_("message"), blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
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

    def __str__(self) -> str:
        return f"{self.format} {self.pk}"


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

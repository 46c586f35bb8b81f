from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

# A process that gave no sign of life for so long is taken for silent: three times its longest interval.
SILENT_AFTER = timedelta(minutes=3)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, process: Heartbeat.Process, *, at: datetime) -> None:
        """Note a sign of life of this kind of process. Repeating is safe."""
        self.update_or_create(process=process, defaults={"seen_at": at})


class Heartbeat(models.Model):
    """The last sign of life of a kind of background process, for /readyz and whoever wonders why nothing moves."""

    class Process(models.TextChoices):
        WORKER = "worker", _("worker")
        SCHEDULER = "scheduler", _("scheduler")

    process = models.CharField(_("process"), max_length=20, choices=Process.choices, primary_key=True)
    seen_at = models.DateTimeField(_("last sign of life"))

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign of life")
        verbose_name_plural = _("signs of life")

    def __str__(self) -> str:
        return self.process

    def is_silent(self, at: datetime) -> bool:
        return at - self.seen_at > SILENT_AFTER

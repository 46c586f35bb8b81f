"""Why nothing moves on the page of work under way: a sentence that its script fetches with the figures."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Job
from customers.services.jobs import STALLED

WAITS_FOR_WORKER = gettext_lazy(
    "Waiting for a worker: nothing has moved for 15 seconds. Nothing is lost; it goes on as soon as a worker runs."
)


def held_up(job: Job, *, at: datetime) -> str:
    """Why a job does not move, as far as one can know it from outside; empty where it moves, or is over."""
    if not job.has_stalled(at, after=STALLED):
        return ""
    if job.is_free(at):
        return str(WAITS_FOR_WORKER)
    return _(
        "No sign of life from its worker for 15 seconds: this step takes long, or the worker has died. "
        "Nothing is lost; without a sign another worker goes on with it after %(time)s."
    ) % {"time": time_format(timezone.localtime(job.leased_until), "H:i:s")}

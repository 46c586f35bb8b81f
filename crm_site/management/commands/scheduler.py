from __future__ import annotations

import logging
import signal
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from django_tasks import task_backends
from django_tasks_db import DatabaseBackend
from redis import RedisError

from crm_site.models import Heartbeat
from crm_site.tasks import beat_as_worker
from customers.services import jobs
from messaging.services import work

logger = logging.getLogger(__name__)

TICK = timedelta(seconds=5)
WAKE_EVERY = timedelta(seconds=15)
ASK_WORKER_EVERY = timedelta(minutes=1)
PRUNE_EVERY = timedelta(days=1)
KEEP_RESULTS_DAYS = 2


@dataclass
class Duty:
    """Something to do now and then; due at once when the scheduler starts."""

    every: timedelta
    last_at: datetime | None = None

    def is_due(self, at: datetime) -> bool:
        return self.last_at is None or at - self.last_at >= self.every


class Scheduler:
    """Wakes work that lost its wake, and keeps the house. Nothing breaks where two run, or none for a while."""

    def __init__(self) -> None:
        self.waking = Duty(WAKE_EVERY)
        self.asking_worker = Duty(ASK_WORKER_EVERY)
        self.pruning = Duty(PRUNE_EVERY)

    def tick(self, *, at: datetime) -> None:
        """Do what is due at that moment."""
        Heartbeat.objects.beat(Heartbeat.Process.SCHEDULER, at=at)
        if self.waking.is_due(at):
            work.wake_stalled(at=at)
            jobs.wake_stalled(at=at)
            self.waking.last_at = at
        if self.asking_worker.is_due(at):
            beat_as_worker.enqueue()
            self.asking_worker.last_at = at
        if self.pruning.is_due(at):
            prune_finished_tasks()
            self.pruning.last_at = at


def prune_finished_tasks() -> None:
    """Delete the results of finished tasks. RQ lets its own expire."""
    if isinstance(task_backends["default"], DatabaseBackend):
        call_command("prune_db_task_results", queue_name="*", min_age_days=KEEP_RESULTS_DAYS, verbosity=0)


class Command(BaseCommand):
    help = "Wake background work that stands still, and prune finished tasks, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *received: stop.set())
        scheduler = Scheduler()
        while not stop.is_set():
            close_old_connections()
            try:
                scheduler.tick(at=timezone.now())
            except (OperationalError, InterfaceError, RedisError):
                # The database or Redis restarts: that is no reason to need a restart too.
                logger.exception("The scheduler could not do its duties; it tries again.")
            stop.wait(TICK.total_seconds())

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from redis import RedisError

from crm_site.duties import DUTIES, Duty
from crm_site.models import Heartbeat

logger = logging.getLogger(__name__)

TICK = timedelta(seconds=5)


class Scheduler:
    """Does the duties that are due. Nothing breaks where two run, or none for a while."""

    def __init__(self, duties: Sequence[Duty] = DUTIES) -> None:
        self.duties = duties
        self.done_at: dict[str, datetime] = {}

    def tick(self, *, at: datetime) -> None:
        """Do what is due at that moment. A duty that fails is logged, tried again when it is due, and stops no other.

        Raises OperationalError, InterfaceError and RedisError: then nothing else would work either.
        """
        Heartbeat.objects.beat(Heartbeat.Process.SCHEDULER, at=at)
        for duty in self.duties:
            if self._is_due(duty, at):
                self._do(duty, at)
                self.done_at[duty.name] = at

    def _is_due(self, duty: Duty, at: datetime) -> bool:
        done_at = self.done_at.get(duty.name)
        return done_at is None or at - done_at >= duty.every

    def _do(self, duty: Duty, at: datetime) -> None:
        try:
            duty.do(at)
        except (OperationalError, InterfaceError, RedisError):
            raise
        except Exception:
            logger.exception("The scheduler could not %s.", duty.name)


class Command(BaseCommand):
    help = "Wake background work that stands still, and keep the house, until stopped."

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

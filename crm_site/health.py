"""Is this process up, and can it serve? For load balancers, supervisors and people who look for a standstill."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from crm_site.models import Heartbeat
from customers import append_only
from customers.services import contact_keys

REDIS_TIMEOUT = 2


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up. Asks nobody else, so that a broken database does not get healthy processes killed."""
    return JsonResponse({"status": "up"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where this process can serve, else 503 and what is in the way.

    A silent worker or scheduler is told, but never makes it 503: the pages and the purchase gate work without them.
    """
    obstacle, processes = _look(timezone.now())
    body: dict[str, Any] = {"status": obstacle or "ready", **processes}
    return JsonResponse(body, status=503 if obstacle else 200)


def _look(at: datetime) -> tuple[str, dict[str, Any]]:
    try:
        if unapplied_migrations():
            return "migrations are not applied", {}
        if not contact_keys.are_current():
            return "keys of contact values are outdated, run prepare_shop", {}
        if append_only.unprotected_tables():
            return "the audit is not protected, run prepare_shop", {}
        processes = _processes(at)
    except DatabaseError:
        return "database is unreachable", {}
    return ("" if is_queue_reachable() else "queue is unreachable"), processes


def _processes(at: datetime) -> dict[str, Any]:
    beats = {beat.process: beat for beat in Heartbeat.objects.all()}
    return {process: _state(beats.get(process), at) for process in Heartbeat.Process.values}


def _state(beat: Heartbeat | None, at: datetime) -> dict[str, str | None]:
    if beat is None:
        return {"state": "never seen", "seen_at": None}
    return {"state": "silent" if beat.is_silent(at) else "alive", "seen_at": beat.seen_at.isoformat()}


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def unapplied_migrations() -> frozenset[tuple[str, str]]:
    """Migrations of this code that the database does not have yet, as app and name. One query."""
    return _known_migrations() - MigrationRecorder(connection).applied_migrations().keys()


def is_queue_reachable() -> bool:
    """With the database backend the queue is a table; with RQ somebody must answer at REDIS_URL."""
    if settings.TASKS_BACKEND != "rq":
        return True
    try:
        with Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT, retry=None
        ) as redis:
            return bool(redis.ping())
    except RedisError:
        return False

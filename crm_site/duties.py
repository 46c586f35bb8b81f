"""What the scheduler does now and then, each duty in a line. None is urgent: nothing breaks where one is late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.management import call_command
from django_tasks import task_backends
from django_tasks_db import DatabaseBackend

from blocklist.services import (
    ban_lists,
    ban_requests,
    changes,
    confirmations,
    expiry,
    link_proposals,
    marketplace_tasks,
)
from crm_site.tasks import beat_as_worker
from customers.imports import runs, uploads
from customers.services import (
    agents,
    approvals,
    exports,
    group_rules,
    jobs,
    merges,
    mutes,
    notifications,
    order_holds,
    rfm,
    thresholds,
)
from messaging.services import outbox, work

KEEP_RESULTS_DAYS = 2


@dataclass(frozen=True)
class Duty:
    """Something to do every so often; due at once when the scheduler starts. `do(at)` is safe to repeat."""

    name: str
    every: timedelta
    do: Callable[[datetime], object]


def wake_stalled_work(at: datetime) -> None:
    """Send the wake again for work that lost it."""
    work.wake_stalled(at=at)
    jobs.wake_stalled(at=at)


def ask_worker(at: datetime) -> None:
    """Have a worker give a sign of life."""
    beat_as_worker.enqueue()


def prune_finished_tasks(at: datetime) -> None:
    """Delete the results of finished tasks. RQ lets its own expire."""
    if isinstance(task_backends["default"], DatabaseBackend):
        call_command("prune_db_task_results", queue_name="*", min_age_days=KEEP_RESULTS_DAYS, verbosity=0)


DUTIES = (
    Duty("wake stalled work", timedelta(seconds=15), wake_stalled_work),
    Duty("keep agents' statuses", timedelta(seconds=15), lambda at: agents.keep_statuses(at=at)),
    Duty("remind of what waits for approval", timedelta(hours=2), lambda at: approvals.remind(at=at)),
    Duty("ask leads about mutes that end", timedelta(minutes=5), lambda at: mutes.ask_leads(at=at)),
    Duty("tell of banned buyers' new accounts", timedelta(seconds=15), lambda at: changes.number_due(at=at)),
    Duty("note bans that have run out", timedelta(minutes=1), lambda at: expiry.expire_bans(at=at)),
    Duty("ask for bans in marketplaces", timedelta(hours=1), lambda at: marketplace_tasks.add_missing_tasks(at=at)),
    Duty("release held orders", timedelta(minutes=1), lambda at: order_holds.release_overdue(at=at)),
    Duty("pass on ban requests", timedelta(minutes=1), lambda at: ban_requests.pass_on_unanswered(at=at)),
    Duty("ask to confirm bans again", timedelta(minutes=5), lambda at: confirmations.ask_again(at=at)),
    Duty("ask the worker for a sign of life", timedelta(minutes=1), ask_worker),
    Duty("prune finished tasks", timedelta(days=1), prune_finished_tasks),
    Duty("delete news that were read long ago", timedelta(days=1), lambda at: notifications.delete_read(at=at)),
    Duty("delete settled webhooks", timedelta(days=1), lambda at: outbox.delete_settled(at=at)),
    Duty("end imports that were killed", timedelta(minutes=1), lambda at: runs.end_killed(at=at)),
    Duty("throw away old uploads", timedelta(days=1), lambda at: uploads.throw_away_old(at=at)),
    Duty("throw away old blocklists", timedelta(hours=1), lambda at: ban_lists.throw_away_old(at=at)),
    Duty("remove old exports", timedelta(hours=1), lambda at: exports.remove_old_exports(at=at)),
    Duty("look for duplicates", timedelta(days=1), lambda at: merges.look_for_duplicates(at=at)),
    Duty("look for account links", timedelta(days=1), lambda at: link_proposals.look_for_links(at=at)),
    Duty("refresh rule-driven groups", timedelta(minutes=1), lambda at: group_rules.refresh_due(at=at)),
    Duty("compute RFM scores", timedelta(minutes=5), lambda at: rfm.refresh_nightly(at=at)),
    Duty("raise levels", timedelta(days=1), lambda at: thresholds.apply_nightly(at=at)),
)

import os
from datetime import timedelta

import pytest
from django_tasks import default_task_backend
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from crm_site.duties import DUTIES, Duty
from crm_site.management.commands.scheduler import Scheduler
from crm_site.models import Heartbeat
from customers.models import Notification
from messaging.models import Broadcast
from tests.factories import BroadcastFactory

pytestmark = pytest.mark.django_db


def scheduler_of(*names):
    """A scheduler with these of its duties."""
    return Scheduler([duty for duty in DUTIES if duty.name in names])


@pytest.fixture
def woken():
    """The names of the tasks enqueued since the last look."""
    default_task_backend.clear()

    def _woken():
        names = [result.task.name for result in default_task_backend.results]
        default_task_backend.clear()
        return names

    return _woken


def test_scheduler_wakes_stalled_work_only(manager, now, woken):
    stalled, moving = now - timedelta(seconds=16), now - timedelta(seconds=14)
    BroadcastFactory(by=manager, state=Broadcast.State.PLANNING, progressed_at=moving)
    BroadcastFactory(by=manager, state=Broadcast.State.SENDING, progressed_at=stalled)
    scheduler = scheduler_of("wake stalled work")

    scheduler.tick(at=now)
    first = woken()
    scheduler.tick(at=now + timedelta(seconds=5))
    too_soon = woken()
    scheduler.tick(at=now + timedelta(seconds=15))
    second = woken()

    assert (first, too_soon, second) == (["send"], [], ["plan", "send"])


def test_scheduler_asks_the_worker_once_a_minute_and_notes_its_own_sign_of_life(now, woken):
    scheduler = scheduler_of("ask the worker for a sign of life")

    for seconds in range(0, 61, 5):
        scheduler.tick(at=now + timedelta(seconds=seconds))

    assert woken() == ["beat_as_worker", "beat_as_worker"]
    assert list(Heartbeat.objects.values_list("process", "seen_at")) == [("scheduler", now + timedelta(minutes=1))]


def test_scheduler_prunes_finished_tasks_daily(settings, now):
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
    old, waiting, young, failed = (
        task_result(now, days=days, status=status)
        for days, status in [
            (3, TaskResultStatus.SUCCESSFUL),
            (3, TaskResultStatus.READY),
            (1, TaskResultStatus.SUCCESSFUL),
            (3, TaskResultStatus.FAILED),
        ]
    )
    scheduler = scheduler_of("prune finished tasks")

    scheduler.tick(at=now)
    later = task_result(now, days=3, status=TaskResultStatus.SUCCESSFUL)
    scheduler.tick(at=now + timedelta(hours=23))
    kept = set(
        DBTaskResult.objects.filter(pk__in=[old.pk, waiting.pk, young.pk, failed.pk, later.pk]).values_list(
            "pk", flat=True
        )
    )
    scheduler.tick(at=now + timedelta(hours=24))

    assert kept == {waiting.pk, young.pk, later.pk}
    assert not DBTaskResult.objects.filter(pk=later.pk).exists()


def test_duty_that_fails_stops_no_other(now, caplog):
    done = []

    def fail(at):
        raise ValueError("a mistake")

    hour = timedelta(hours=1)
    scheduler = Scheduler([Duty("fail", hour, fail), Duty("go on", hour, done.append)])

    scheduler.tick(at=now)

    assert (done, [record.message for record in caplog.records]) == ([now], ["The scheduler could not fail."])


def test_every_duty_does_its_work_on_an_empty_shop(now, caplog):
    Scheduler().tick(at=now)

    assert caplog.records == []


def test_scheduler_deletes_what_was_read_long_ago_daily(manager, now):
    for days in (31, 29):
        Notification.objects.create(user=manager, kind="x", created_at=now, read_at=now - timedelta(days=days))

    Scheduler().tick(at=now)

    assert [row.read_at for row in Notification.objects.all()] == [now - timedelta(days=29)]


def test_scheduler_removes_exports_after_7_days(settings, now):
    folder = settings.DATA_DIR / "exports"
    folder.mkdir()
    for name, days in (("old.csv", 7.1), ("young.csv", 6.9)):
        (folder / name).touch()
        moment = (now - timedelta(days=days)).timestamp()
        os.utime(folder / name, (moment, moment))

    scheduler_of("remove old exports").tick(at=now)

    assert [file.name for file in folder.iterdir()] == ["young.csv"]


def task_result(now, *, days, status):
    return DBTaskResult.objects.create(
        task_path="crm_site.tasks.beat_as_worker",
        args_kwargs={"args": [], "kwargs": {}},
        queue_name="default",
        backend_name="default",
        status=status,
        finished_at=None if status == TaskResultStatus.READY else now - timedelta(days=days),
        exception_class_path="",
        traceback="",
    )


@pytest.mark.django_db(transaction=True)
def test_scheduler_process_stops_when_asked(same_database, start, stop, wait_until):
    with start("scheduler", env={**same_database, "TASKS_BACKEND": "database"}) as scheduler:
        wait_until(lambda: Heartbeat.objects.filter(process=Heartbeat.Process.SCHEDULER).exists())
        code, output = stop(scheduler)

    assert (code, output) == (0, "")

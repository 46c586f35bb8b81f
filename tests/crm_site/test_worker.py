"""The worker as a process of its own, with each backend of the Tasks API, on the database of this run."""

import os
from datetime import timedelta

import pytest
from redis import Redis

from crm_site.models import Heartbeat
from customers.models import Job, Notification
from customers.services import jobs
from messaging.models import Broadcast
from messaging.services.broadcasts import Ledger, ledger, send
from tests.factories import BanFactory, BroadcastFactory, CustomerFactory

WAKE = "from crm_site import tasks; from messaging.tasks import plan; plan.enqueue(); tasks.beat_as_worker.enqueue()"


@pytest.fixture(params=["database", pytest.param("rq", marks=pytest.mark.redis)])
def backend(request):
    if request.param == "database":
        return {"TASKS_BACKEND": "database", "REDIS_URL": ""}
    url = os.environ["TEST_REDIS_URL"]
    Redis.from_url(url).flushdb()
    return {"TASKS_BACKEND": "rq", "REDIS_URL": url}


@pytest.fixture
def broadcast(agent, manager, now):
    """Started by a process whose wake got lost: three customers, one of them banned."""
    customers = [CustomerFactory(agent=agent, nick=nick) for nick in ("a", "b", "c")]
    BanFactory(customer=customers[2], by=agent.user)
    broadcast = BroadcastFactory(by=manager)
    send(broadcast, by=manager, at=now - timedelta(minutes=1))
    return broadcast


@pytest.mark.django_db(transaction=True)
def test_worker_runs_a_wake_and_stops_when_asked(broadcast, backend, same_database, manage, start, stop, wait_until):
    env = {**same_database, **backend}
    assert manage("shell", "-v0", "-c", WAKE, env=env).returncode == 0

    with start("worker", env=env) as worker:
        wait_until(lambda: Broadcast.objects.get(pk=broadcast.pk).state == Broadcast.State.FINISHED)
        wait_until(lambda: Heartbeat.objects.filter(process=Heartbeat.Process.WORKER).exists())
        code, output = stop(worker)

    assert ledger(broadcast) == Ledger(
        total=3,
        by_state={"waiting": 0, "claimed": 0, "sent": 2, "failed": 0, "excluded": 1},
        by_reason={"banned": 1},
    )
    assert (code, "Traceback" in output) == (0, False)


@pytest.mark.django_db(transaction=True)
def test_failed_task_is_logged_with_its_traceback(backend, same_database, manage, start, stop, wait_until):
    env = {**same_database, **backend}
    manage("shell", "-v0", "-c", "from tests.crm_site.failing_task import fail; fail.enqueue()", env=env)

    with start("worker", env=env) as worker:
        manage("shell", "-v0", "-c", WAKE, env=env)
        wait_until(lambda: Heartbeat.objects.filter(process=Heartbeat.Process.WORKER).exists())
        _code, output = stop(worker)

    assert "RuntimeError: this task fails" in output


@pytest.mark.django_db(transaction=True)
def test_export_runs_in_a_process_of_its_own(
    lead, now, backend, same_database, manage, start, stop, wait_until, tmp_path
):
    CustomerFactory(nick="buyer")
    job = jobs.start("export", by=lead, at=now, filter={}, format="csv")
    env = {**same_database, **backend, "DATA_DIR": str(tmp_path)}
    wake = "from customers.tasks import work_on_jobs; work_on_jobs.enqueue()"
    assert manage("shell", "-v0", "-c", wake, env=env).returncode == 0

    with start("worker", env=env) as worker:
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.FINISHED)
        code, output = stop(worker)

    job.refresh_from_db()
    assert (job.done_count, code, "Traceback" in output) == (1, 0, False)
    assert "buyer" in (tmp_path / job.result_path).read_text(encoding="utf-8-sig")
    assert Notification.objects.get().parameters == {"kind": "export", "state": "finished"}

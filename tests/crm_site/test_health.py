from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from crm_site.models import Heartbeat

ASK_BOTH = """
from django.test import Client
client = Client(HTTP_HOST="localhost")
print(client.get("/healthz").status_code, client.get("/readyz").status_code)
"""
NEVER_SEEN = {"state": "never seen", "seen_at": None}


def test_healthz_answers_without_a_database(client):
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "up"})


def test_root_leads_to_the_panel(client):
    response = client.get("/")

    assert (response.status_code, response["Location"]) == (302, "/admin/")


@pytest.mark.django_db
def test_readyz_names_processes_that_were_never_seen(client):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "worker": NEVER_SEEN, "scheduler": NEVER_SEEN}


@pytest.mark.django_db
def test_readyz_is_ready_while_a_process_is_silent(client, now):
    fresh, old = now - timedelta(seconds=20), now - timedelta(minutes=4)
    Heartbeat.objects.beat(Heartbeat.Process.SCHEDULER, at=fresh)
    Heartbeat.objects.beat(Heartbeat.Process.WORKER, at=old - timedelta(hours=1))
    Heartbeat.objects.beat(Heartbeat.Process.WORKER, at=old)

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "worker": {"state": "silent", "seen_at": old.isoformat()},
        "scheduler": {"state": "alive", "seen_at": fresh.isoformat()},
    }


@pytest.mark.django_db
def test_readyz_refuses_while_a_migration_is_not_applied(client):
    MigrationRecorder(connection).record_unapplied("crm_site", "0001_initial")

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, {"status": "migrations are not applied"})


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/shop.sqlite3", "postgres://nobody@127.0.0.1:1/shop"])
def test_readyz_refuses_without_a_database_and_healthz_does_not(manage, url):
    answer = manage("shell", "-v0", "-c", ASK_BOTH, env={"DATABASE_URL": url})

    assert answer.stdout.split() == ["200", "503"]


@pytest.mark.django_db
def test_readyz_refuses_while_nobody_answers_at_redis(client, settings):
    settings.TASKS_BACKEND, settings.REDIS_URL = "rq", "redis://127.0.0.1:1/0"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "queue is unreachable", "worker": NEVER_SEEN, "scheduler": NEVER_SEEN}


@pytest.mark.redis
@pytest.mark.django_db
def test_readyz_is_ready_when_redis_answers(client, settings, redis_url):
    settings.TASKS_BACKEND, settings.REDIS_URL = "rq", redis_url

    assert client.get("/readyz").status_code == 200

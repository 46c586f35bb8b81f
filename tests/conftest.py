import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone, translation
from rest_framework.test import APIClient

from blocklist import public_text
from customers.models import User
from customers.services.api_keys import create_key
from tests.factories import AgentFactory, SourceFactory, UserFactory

PROJECT = Path(__file__).resolve().parent.parent
OLIST = PROJECT.parent / "shared" / "data" / "olist"


def pytest_configure():
    """Several people may run the suite on one server: TEST_DB_NAME tells their databases apart.

    Audit tables are append-only in the tests of that alone: tests with `transaction=True` empty them.
    """
    settings.APPEND_ONLY_TRIGGERS = False
    if name := os.environ.get("TEST_DB_NAME"):
        database = settings.DATABASES["default"]
        is_file = database["ENGINE"].endswith("sqlite3")
        database.setdefault("TEST", {})["NAME"] = (
            str(settings.DATA_DIR / f"test-{name}.sqlite3") if is_file else f"test_{name}"
        )


def pytest_runtest_setup(item):
    """Skip, saying why, what needs a service that is not there; with REQUIRE_SERVICES=1 that is a failure."""
    if item.get_closest_marker("redis") and not os.environ.get("TEST_REDIS_URL"):
        complain = pytest.fail if os.environ.get("REQUIRE_SERVICES") else pytest.skip
        complain("TEST_REDIS_URL is not set")
    if item.get_closest_marker("postgresql") and "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
        pytest.skip("needs PostgreSQL: set TEST_DATABASE_URL, `make test` then runs the suite there too")


@pytest.fixture(autouse=True)
def _plain_files_and_memory(settings, tmp_path):
    """A test writes into its own folder, wakes no worker by itself, hashes passwords quickly and begins in English."""
    translation.activate("en")
    public_text.own_texts.remember({})  # no test reads what another one has worded
    settings.DATA_DIR = tmp_path
    settings.AGENT_IDLE_AFTER = None  # or the first page would take one query more than the next
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "uploads")},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def agent(db):
    """An agent's profile; `agent.user` signs in."""
    return AgentFactory(display_name="Ming", user__username="ming")


@pytest.fixture
def other_agent(db):
    return AgentFactory(display_name="Lan", user__username="lan")


@pytest.fixture
def lead(db):
    return UserFactory(username="lead", role="lead")


@pytest.fixture
def manager(db):
    return UserFactory(username="manager", role="manager")


@pytest.fixture
def sign_in(client):
    """Sign a staff user in and return the client."""

    def _sign_in(user):
        client.force_login(User.objects.get(pk=user.pk))
        return client

    return _sign_in


@pytest.fixture
def manage():
    """Run a management command in a process of its own and return the finished process."""

    def _manage(*arguments, env=None, timeout=120):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return _manage


@pytest.fixture
def count_queries(django_assert_max_num_queries):
    """Call something and return how many queries it took."""

    def _count(call):
        with django_assert_max_num_queries(1000) as captured:
            call()
        return len(captured)

    return _count


@pytest.fixture
def key_client(db):
    """A REST client with a key of its own: of all scopes where none is named, acting as nobody where no user is."""

    def _client(*scopes, source="own", user=None):
        _key, secret = create_key(
            "test",
            source=SourceFactory(code=source),
            scopes=scopes or settings.API_SCOPES,
            user=user,
            at=timezone.now(),
        )
        return APIClient(headers={"authorization": f"Bearer {secret}"})

    return _client

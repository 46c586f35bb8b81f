import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection

from tests.conftest import PROJECT


@pytest.fixture
def redis_url():
    """The Redis of the tests; a test that fills its queue empties it first."""
    return os.environ["TEST_REDIS_URL"]


@pytest.fixture
def wait_until():
    def _wait(condition, seconds=30):
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, "it did not come true in time"
            time.sleep(0.1)
        return found

    return _wait


@pytest.fixture
def start():
    """Run a management command beside the test, as a process of its own; the test stops it."""

    @contextmanager
    def _start(*arguments, env, program=("manage.py",)):
        process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=PROJECT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    return _start


@pytest.fixture
def stop():
    """Ask a process to stop; return its exit code and what it has printed."""

    def _stop(process, number=signal.SIGTERM):
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output

    return _stop


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def read_until():
    """What the process prints, up to the line with this sentence."""

    def _read(process, sentence, *, seconds=120):
        watchdog = threading.Timer(seconds, process.kill)
        watchdog.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if sentence in line:
                break
        watchdog.cancel()
        assert sentence in "".join(lines[-1:]), "".join(lines)
        return "".join(lines)

    return _read


@pytest.fixture
def same_database():
    """The environment in which another process sees the test's own database; the test's writes must be committed."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return {"DATABASE_URL": f"sqlite:///{database['NAME']}"}
    user = f"{database['USER']}:{database['PASSWORD']}".strip(":")
    return {"DATABASE_URL": f"postgres://{user}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"}

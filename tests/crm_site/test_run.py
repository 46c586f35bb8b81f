"""`make run` without its virtual environment: the demo shop, started without a terminal."""

import json
import os
import re
import signal
import socket
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from crm_site.demo import DEMO_API_KEY, LOGINS


@pytest.fixture
def demo(start, port, tmp_path):
    """Start the demo on a port and in a folder of its own, where the environment names a real shop's database."""

    def _demo():
        return start(
            "run_demo",
            "--port",
            str(port),
            env={"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://nobody@127.0.0.1:1/real_shop"},
        )

    return _demo


@pytest.fixture
def ask(port):
    """Ask the demo over HTTP; answers with status and JSON."""

    def _ask(method, path, body=None, **headers):
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    return _ask


def test_demo_shows_a_refusal_and_stops_when_asked(demo, ask, stop, read_until):
    with demo() as process:
        printed = read_until(process, "Ctrl-C stops it.")
        ready, _processes = ask("GET", "/readyz")
        key = {"Authorization": f"Bearer {DEMO_API_KEY}"}
        body = json.loads(re.search("-d '(.*)'", printed)[1])
        status, answer = ask("POST", "/api/v1/purchase-checks/?phone=13800138000", body, **key)
        code, rest = stop(process)

    assert ready == 200
    assert (status, answer["decision"]) == (200, "refuse")
    assert [login for _role, login, _password in LOGINS if login not in printed] == []
    assert "POST /api/v1/purchase-checks/ 200" in rest
    assert "13800138000" not in rest
    assert (code, "The demo has stopped" in rest) == (0, True)


def test_demo_stops_as_a_whole_when_one_process_dies(demo, ask, read_until):
    with demo() as process:
        read_until(process, "The demo shop is open")
        worker = next(pid for pid in children_of(process.pid) if "worker" in command_of(pid))
        os.kill(worker, signal.SIGKILL)
        rest, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "One of the demo's processes ended by itself" in rest
    with pytest.raises(ConnectionRefusedError):
        ask("GET", "/healthz")


def test_taken_port_is_one_sentence_before_anything_starts(manage, port, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        refused = manage("run_demo", "--port", str(port), env={"DATA_DIR": str(tmp_path)})

    assert refused.returncode == 1
    assert (refused.stdout, len(refused.stderr.splitlines())) == ("", 1)
    assert f"Port {port} of 127.0.0.1 cannot be used" in refused.stderr
    assert not (tmp_path / "demo.sqlite3").exists()


def children_of(pid):
    """The ids of all processes below this one."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return children + [grandchild for child in children for grandchild in children_of(child)]


def command_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")

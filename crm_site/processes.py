"""Web, worker and scheduler as one program: what `make run` and `make serve` share.

Knows nothing of Django's settings, which only stand when the environment does.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from honcho.manager import Manager

BASE_DIR = Path(__file__).resolve().parent.parent
# Method, path without its query string, status, duration: a query string may hold a nick or a phone number.
ACCESS_LOG = "%(m)s %(U)s %(s)s %(M)sms"
STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


class CannotStart(Exception):
    """Why nothing was started, in one sentence."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_port_is_free(host: str, port: int, *, instead: str) -> None:
    """Raise CannotStart, naming a command that takes another port `instead`, where nothing can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise CannotStart(f"Port {port} of {host} cannot be used ({error}). Try: {instead}") from error


def manage() -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py")]


def commands(host: str, port: int) -> dict[str, list[str]]:
    web = [sys.executable, "-m", "gunicorn", "crm_site.wsgi", "--bind", address(host, port)]
    web += ["--workers", "2", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
    web += ["--access-logfile", "-", "--access-logformat", ACCESS_LOG]
    return {"web": web, "worker": [*manage(), "worker"], "scheduler": [*manage(), "scheduler"]}


def run_together(
    host: str, port: int, *, environment: Mapping[str, str], name: str, when_ready: Callable[[], None]
) -> int:
    """Run all processes until one ends or this one is asked to stop (SIGTERM, SIGHUP, Ctrl-C), then stop all.

    Returns the exit code, which is in STOPPED where it was asked. `when_ready` is called in a thread once /readyz
    answers 200 to a request that calls the shop by `name`.
    """
    manager = Manager()
    for process, command in commands(host, port).items():
        manager.add_process(process, f"exec {shlex.join(command)}", env=dict(environment), cwd=str(BASE_DIR))
    # A closed terminal ends everything like Ctrl-C does, which the manager knows itself.
    signal.signal(signal.SIGHUP, lambda *received: os.kill(os.getpid(), signal.SIGTERM))
    threading.Thread(target=_wait_until_ready, args=[host, port, name, when_ready], daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0)


def _wait_until_ready(host: str, port: int, name: str, when_ready: Callable[[], None]) -> None:
    while not _is_ready(host, port, name):
        time.sleep(0.2)
    when_ready()


def _is_ready(host: str, port: int, name: str) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (is compared, not bound)
    connection = HTTPConnection(reachable, port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": name})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()

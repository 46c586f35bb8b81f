from __future__ import annotations

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from honcho.manager import Manager

from crm_site.demo import BANNED_NICK, DEMO_API_KEY, LOGINS

HOST = "127.0.0.1"
# Method, path without its query string, status, duration: a query string may hold a nick or a phone number.
ACCESS_LOG = "%(m)s %(U)s %(s)s %(M)sms"


class Command(BaseCommand):
    help = "Show the product on a made-up shop: web, worker and scheduler together, on this machine only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        check_port_is_free(port)
        environment = demo_environment()
        self.stdout.write("Preparing the demo shop …")
        self.stdout.flush()
        if subprocess.run([*manage(), "prepare_demo"], env=environment, check=False).returncode:
            raise CommandError("The demo shop could not be prepared; the reason stands above.")
        manager = Manager()
        for name, command in processes(port).items():
            manager.add_process(name, f"exec {shlex.join(command)}", env=environment, cwd=str(settings.BASE_DIR))
        # A closed terminal ends the demo like Ctrl-C does, which the manager knows itself.
        signal.signal(signal.SIGHUP, lambda *received: os.kill(os.getpid(), signal.SIGTERM))
        threading.Thread(target=self.announce, args=[port], daemon=True).start()
        manager.loop()
        self.end(manager.returncode or 0)

    def announce(self, port: int) -> None:
        """Say where the demo is, once it can serve."""
        while not is_ready(port):
            time.sleep(0.2)
        self.stdout.write(welcome(port))
        self.stdout.flush()

    def end(self, code: int) -> None:
        asked_to_stop = code in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        if not asked_to_stop:
            raise CommandError("One of the demo's processes ended by itself, so all were stopped; see above.")
        self.stdout.write("The demo has stopped. `make run` continues it.")


def check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Port {port} of {HOST} cannot be used ({error}). Try: PORT=8001 make run") from error


def demo_environment() -> dict[str, str]:
    """The environment of the demo's processes: this machine's, but never a real shop's database, queue or keys.

    The hash key is that of a bare `manage.py`, which speaks to the same database.
    """
    return {
        **os.environ,
        "DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": f"sqlite:///{settings.DATA_DIR / 'demo.sqlite3'}",
        "DEBUG": "false",
        "SECRET_KEY": demo_secret(settings.DATA_DIR / "demo-secret"),
        "CONTACT_HASH_KEY": settings.DEVELOPMENT_SECRET,
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "CSRF_TRUSTED_ORIGINS": "",
        "TASKS_BACKEND": "database",
        "REDIS_URL": "",
        "PYTHONUNBUFFERED": "1",
    }


def demo_secret(file: Path) -> str:
    """The secret that signs the demo's sessions, made at the first run."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


def manage() -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py")]


def processes(port: int) -> dict[str, list[str]]:
    web = [sys.executable, "-m", "gunicorn", "crm_site.wsgi", "--bind", f"{HOST}:{port}"]
    web += ["--workers", "2", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
    web += ["--access-logfile", "-", "--access-logformat", ACCESS_LOG]
    return {"web": web, "worker": [*manage(), "worker"], "scheduler": [*manage(), "scheduler"]}


def is_ready(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def refused_check(address: str) -> str:
    """A line for the shell that asks the purchase gate about the banned test buyer."""
    headers = f"-H 'Authorization: Bearer {DEMO_API_KEY}' -H 'Content-Type: application/json'"
    return f"""curl -s {address}api/v1/purchase-checks/ {headers} -d '{{"nick": "{BANNED_NICK}"}}'"""


def welcome(port: int) -> str:
    """What a newcomer needs: address, logins, and a request that the purchase gate refuses."""
    address = f"http://{HOST}:{port}/"
    logins = "\n".join(f"    {role:<8} {username:<8} password {password}" for role, username, password in LOGINS)
    return f"""
The demo shop is open: {address}
{logins}
Ask the purchase gate about a banned buyer:
    {refused_check(address)}
Ctrl-C stops it.
"""

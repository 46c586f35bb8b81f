from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_site.demo import BANNED_NICK, DEMO_API_KEY, LOGINS
from crm_site.processes import STOPPED, CannotStart, check_port_is_free, manage, run_together

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Show the product on a made-up shop: web, worker and scheduler together, on this machine only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        try:
            check_port_is_free(HOST, port, instead="PORT=8001 make run")
        except CannotStart as error:
            raise CommandError(str(error)) from error
        environment = demo_environment(port)
        self.say("Preparing the demo shop …")
        if subprocess.run([*manage(), "prepare_demo"], env=environment, check=False).returncode:
            raise CommandError("The demo shop could not be prepared; the reason stands above.")
        code = run_together(HOST, port, environment=environment, name=HOST, when_ready=lambda: self.say(welcome(port)))
        if code not in STOPPED:
            raise CommandError("One of the demo's processes ended by itself, so all were stopped; see above.")
        self.say("The demo has stopped. `make run` continues it.")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def demo_environment(port: int) -> dict[str, str]:
    """The environment of the demo's processes: this machine's, but never a real shop's database, queue, mail or keys.

    The hash key is that of a bare `manage.py`, which speaks to the same database.
    """
    return {
        **os.environ,
        "DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": f"sqlite:///{settings.DATA_DIR / 'demo.sqlite3'}",
        "DEBUG": "false",
        "SECRET_KEY": demo_secret(settings.DATA_DIR / "demo-secret"),
        "CONTACT_HASH_KEY": settings.DEVELOPMENT_SECRET,
        "HOST": HOST,
        "HTTPS": "",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "CSRF_TRUSTED_ORIGINS": "",
        "TASKS_BACKEND": "database",
        "REDIS_URL": "",
        "EMAIL_URL": "consolemail://",
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "PYTHONUNBUFFERED": "1",
    }


def demo_secret(file: Path) -> str:
    """The secret that signs the demo's sessions, made at the first run."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


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

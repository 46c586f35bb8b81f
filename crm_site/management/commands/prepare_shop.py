from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from django.core.checks import ERROR, run_checks
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from crm_site.first_manager import has_first_manager, make_first_manager
from crm_site.upgrade import migrate, why_not_this_database


class Command(BaseCommand):
    help = (
        "Refuse what is unsafe to serve, bring database and static files up to date, and make the first manager."
        " `make serve` runs it; repeating is safe."
    )
    requires_system_checks: list[str] = []  # they run below, so that what they find is one sentence

    def handle(self, *args: Any, **options: Any) -> None:
        for complaint in run_checks(include_deployment_checks=True):
            if complaint.level >= ERROR:
                raise CommandError(str(complaint.msg))
        try:
            if why := why_not_this_database():
                raise CommandError(why)
        except OperationalError as error:
            raise CommandError(f"The database cannot be used: {str(error).strip().splitlines()[0]}") from error
        for sentence in migrate(at=timezone.now()):
            self.stdout.write(sentence)
        call_command("collectstatic", interactive=False, verbosity=0)
        if not has_first_manager():
            self.make_manager()

    def make_manager(self) -> None:
        login = os.environ.get("FIRST_MANAGER", "")
        password = os.environ.get("FIRST_MANAGER_PASSWORD", "")
        if login and password:
            try:
                make_first_manager(login, password, at=timezone.now())
            except ValidationError as error:
                raise CommandError(f"The first manager was not made: {' '.join(error.messages)}") from error
        elif sys.stdin.isatty():
            login = self.ask()
        else:
            raise CommandError(
                "This shop has no manager yet: start it once on a terminal, or with FIRST_MANAGER (the login) and"
                " FIRST_MANAGER_PASSWORD in the environment."
            )
        self.stdout.write(f"{login} is the first manager and makes the accounts of the staff, under Users.")

    def ask(self) -> str:
        """Ask until a manager is made; return his login."""
        self.stdout.write("This shop has no manager yet. Choose a login and a password.")
        while True:
            login = input("Login: ").strip()
            password = getpass.getpass("Password: ")
            if getpass.getpass("The password again: ") != password:
                self.stderr.write("These are two different passwords.")
                continue
            try:
                make_first_manager(login, password, at=timezone.now())
            except ValidationError as error:
                self.stderr.write(" ".join(error.messages))
            else:
                return login

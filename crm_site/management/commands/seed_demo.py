from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from crm_site import demo


class Command(BaseCommand):
    help = "Fill an empty database with a made-up demo shop (the same each time)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customers", type=int, default=300, help="how many customers (default: 300)")

    def handle(self, *args: Any, customers: int, **options: Any) -> None:
        if customers < 2:
            raise CommandError("--customers must be 2 or more: two of them are the test buyers.")
        try:
            demo.seed(customers=customers, at=timezone.now())
        except demo.NotEmpty as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The demo shop has {customers} customers.")

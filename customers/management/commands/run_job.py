from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from customers.services import jobs


class Command(BaseCommand):
    help = "Do a long job that a worker has claimed. The worker starts this; there is no need to do it by hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", type=int)
        parser.add_argument("token")

    def handle(self, *args: Any, job: int, token: str, **options: Any) -> None:
        jobs.run_claimed(job, token, clock=timezone.now)

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

# How long a new task waits at most while a worker of the database backend is idle.
INTERVAL = 0.2


class Command(BaseCommand):
    help = "Run background work (planning and sending) until stopped. On PostgreSQL any number may run, on SQLite one."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.TASKS_BACKEND == "rq":
            call_command("rqworker", "default", job_class="django_tasks_rq.Job", with_scheduler=True, verbosity=0)
        else:
            call_command("db_worker", reload=False, interval=INTERVAL, startup_delay=False)

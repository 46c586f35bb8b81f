from typing import Any

from django.db.models.signals import post_migrate

from .append_only import protect_after_migrate
from .signals import work_waiting
from .tasks import work_on_jobs


def wake_worker(sender: object, **kwargs: Any) -> None:
    work_on_jobs.enqueue()


def connect() -> None:
    post_migrate.connect(protect_after_migrate, dispatch_uid="customers.protect_after_migrate")
    work_waiting.connect(wake_worker, dispatch_uid="customers.wake_worker")

from typing import Any

from .signals import work_waiting
from .tasks import work_on_jobs


def wake_worker(sender: object, **kwargs: Any) -> None:
    work_on_jobs.enqueue()


def connect() -> None:
    work_waiting.connect(wake_worker, dispatch_uid="customers.wake_worker")

from typing import Any

from .signals import WorkKind, work_waiting
from .tasks import WAKES


def wake_worker(sender: object, kind: WorkKind, **kwargs: Any) -> None:
    WAKES[kind].enqueue()


def connect() -> None:
    work_waiting.connect(wake_worker, dispatch_uid="messaging.wake_worker")

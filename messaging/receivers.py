from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customers.models import InquiryMessage
from customers.signals import message_answered, news_told

from .services import outbox
from .signals import WorkKind, work_waiting
from .tasks import WAKES


def wake_worker(sender: object, kind: WorkKind, **kwargs: Any) -> None:
    WAKES[kind].enqueue()


def tell_answer(sender: object, message: InquiryMessage, **kwargs: Any) -> None:
    outbox.tell_answer(message)


def tell_groups(
    sender: object, kind: str, parameters: Mapping[str, Any], url: str, at: datetime, **kwargs: Any
) -> None:
    outbox.tell_groups(kind, parameters, url=url, at=at)


def connect() -> None:
    work_waiting.connect(wake_worker, dispatch_uid="messaging.wake_worker")
    message_answered.connect(tell_answer, dispatch_uid="messaging.tell_answer")
    news_told.connect(tell_groups, dispatch_uid="messaging.tell_groups")

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from blocklist.models import Appeal
from blocklist.models.ban import BanQuerySet
from blocklist.models.change import BanChangeQuerySet
from blocklist.signals import appeal_decided, ban_expired, changes_noted
from customers.models import InquiryMessage, Order, Refund
from customers.models.order_hold import OrderHoldQuerySet
from customers.signals import message_answered, news_told, order_closed, orders_held, orders_released

from .services import appeal_news, ban_news, order_news, outbox
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


def tell_ban_changes(sender: object, lines: BanChangeQuerySet, at: datetime, **kwargs: Any) -> None:
    ban_news.tell_changes(lines, at=at)


def tell_expired_bans(sender: object, bans: BanQuerySet, at: datetime, **kwargs: Any) -> None:
    ban_news.tell_expired(bans, at=at)


def tell_held_orders(sender: object, holds: OrderHoldQuerySet, at: datetime, **kwargs: Any) -> None:
    order_news.tell_held(holds, at=at)


def tell_released_orders(sender: object, holds: OrderHoldQuerySet, at: datetime, **kwargs: Any) -> None:
    order_news.tell_released(holds, at=at)


def tell_closed_order(sender: object, order: Order, refund: Refund | None, at: datetime, **kwargs: Any) -> None:
    order_news.tell_closed(order, refund, at=at)


def tell_decided_appeal(sender: object, appeal: Appeal, at: datetime, **kwargs: Any) -> None:
    appeal_news.tell_decided(appeal, at=at)


def connect() -> None:
    work_waiting.connect(wake_worker, dispatch_uid="messaging.wake_worker")
    message_answered.connect(tell_answer, dispatch_uid="messaging.tell_answer")
    news_told.connect(tell_groups, dispatch_uid="messaging.tell_groups")
    changes_noted.connect(tell_ban_changes, dispatch_uid="messaging.tell_ban_changes")
    appeal_decided.connect(tell_decided_appeal, dispatch_uid="messaging.tell_decided_appeal")
    ban_expired.connect(tell_expired_bans, dispatch_uid="messaging.tell_expired_bans")
    orders_held.connect(tell_held_orders, dispatch_uid="messaging.tell_held_orders")
    orders_released.connect(tell_released_orders, dispatch_uid="messaging.tell_released_orders")
    order_closed.connect(tell_closed_order, dispatch_uid="messaging.tell_closed_order")

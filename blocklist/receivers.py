from typing import Any

from customers.models.order import OrderQuerySet
from customers.signals import orders_identified, orders_imported

from .services.attempts import log_bought_despite


def log_orders_despite_bans(sender: object, orders: OrderQuerySet, **kwargs: Any) -> None:
    log_bought_despite(orders)


def connect() -> None:
    orders_imported.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_orders_despite_bans")
    orders_identified.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_identified_orders_despite_bans")

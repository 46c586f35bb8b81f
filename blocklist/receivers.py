from datetime import datetime
from typing import Any

from django.utils import timezone

from customers.models import Customer, User
from customers.models.order import OrderQuerySet
from customers.signals import customer_merged, orders_identified, orders_imported

from .services.attempts import log_bought_despite
from .services.merges import tell_merged_bans


def log_orders_despite_bans(sender: object, orders: OrderQuerySet, **kwargs: Any) -> None:
    log_bought_despite(orders, at=timezone.now())


def tell_bans_of_merged(sender: object, kept: Customer, by: User, at: datetime, **kwargs: Any) -> None:
    tell_merged_bans(kept, by=by, at=at)


def connect() -> None:
    orders_imported.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_orders_despite_bans")
    orders_identified.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_identified_orders_despite_bans")
    customer_merged.connect(tell_bans_of_merged, dispatch_uid="blocklist.tell_bans_of_merged")

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils import timezone

from customers.models import Customer, User
from customers.models.customer import CustomerQuerySet
from customers.models.order import OrderQuerySet
from customers.signals import (
    accounts_changed,
    customer_merged,
    customers_told,
    orders_identified,
    orders_imported,
)

from .services.attempts import log_bought_despite
from .services.changes import note_due
from .services.link_proposals import propose_at_once
from .services.merges import tell_merged_bans


def log_orders_despite_bans(sender: object, orders: OrderQuerySet, **kwargs: Any) -> None:
    log_bought_despite(orders, at=timezone.now())


def tell_bans_of_merged(sender: object, kept: Customer, by: User, at: datetime, **kwargs: Any) -> None:
    tell_merged_bans(kept, by=by, at=at)


def tell_changed_accounts(sender: object, customers: Collection[int], source_id: int, **kwargs: Any) -> None:
    note_due(customers, source_id=source_id)


def propose_links_of_told(sender: object, customers: CustomerQuerySet, at: datetime, **kwargs: Any) -> None:
    propose_at_once(customers, at=at)


def connect() -> None:
    orders_imported.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_orders_despite_bans")
    orders_identified.connect(log_orders_despite_bans, dispatch_uid="blocklist.log_identified_orders_despite_bans")
    customers_told.connect(propose_links_of_told, dispatch_uid="blocklist.propose_links_of_told")
    customer_merged.connect(tell_bans_of_merged, dispatch_uid="blocklist.tell_bans_of_merged")
    accounts_changed.connect(tell_changed_accounts, dispatch_uid="blocklist.tell_changed_accounts")

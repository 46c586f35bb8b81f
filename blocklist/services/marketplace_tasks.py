"""What is to be done by hand in the marketplaces' own seller tools when a ban is set or lifted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import F, OuterRef, Subquery

from blocklist.models import MarketplaceTask
from customers.bulk import insert_from
from customers.models import Account

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet


def add_tasks(bans: BanQuerySet, action: MarketplaceTask.Action, *, at: datetime) -> int:
    """A task for each account that a marketplace has of the bans' customers; return how many. Repeating is safe."""
    of_customer = bans.filter(customer=OuterRef("customer")).order_by("-pk")
    accounts = Account.objects.filter(source__is_marketplace=True, customer__in=bans.values("customer"))
    return insert_from(
        MarketplaceTask,
        accounts.annotate(ban_id=Subquery(of_customer.values("pk")[:1])),
        ban=F("ban_id"),
        account=F("pk"),
        action=action,
        created_at=at,
        ignore_conflicts=True,
    )

"""What follows when bans are set or lifted, by whichever door: a line for each, in the transaction of the change."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from blocklist.models import Ban, BanChange, MarketplaceTask
from blocklist.signals import ban_lifted, ban_set
from customers.models import User

from .appeal_news import close_appeals
from .changes import note_changes
from .confirmations import ask_to_confirm
from .marketplace_tasks import add_tasks
from .request_news import overtake_by

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet


def follow_bans(bans: BanQuerySet, *, by: User, at: datetime) -> None:
    """Of bans that were set just now. The caller holds the exclusive intake lock."""
    note_changes(bans, BanChange.Kind.SET, at=at)
    add_tasks(bans, MarketplaceTask.Action.BLOCK, at=at)
    overtake_by(bans, by=by, at=at)
    ask_to_confirm(bans, at=at)
    ban_set.send(sender=Ban, bans=bans, by=by, at=at)


def follow_lifts(bans: BanQuerySet, *, by: User, at: datetime) -> None:
    """Of bans that were lifted just now. The caller holds the exclusive intake lock."""
    note_changes(bans, BanChange.Kind.LIFTED, at=at)
    add_tasks(bans, MarketplaceTask.Action.UNBLOCK, at=at)
    close_appeals(bans, by=by, at=at)
    ban_lifted.send(sender=Ban, bans=bans, by=by, at=at)

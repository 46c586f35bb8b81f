"""The changes feed: a line for every ban that is set and every one that is lifted, in order of commit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import F

from blocklist.models import BanChange
from customers.bulk import insert_from

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet


def note_changes(bans: BanQuerySet, kind: BanChange.Kind, *, at: datetime) -> int:
    """Write a line for each of the bans; return how many. Under the exclusive intake lock, which the caller holds."""
    return insert_from(BanChange, bans, kind=kind, ban=F("pk"), until=F("until"), at=at)

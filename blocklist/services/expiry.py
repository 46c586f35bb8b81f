"""Bans that have come to their end. They are over without anybody's doing; here it is only noted and told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F

from blocklist.models import Ban, MarketplaceTask
from blocklist.signals import ban_expired
from customers import locks

from .marketplace_tasks import add_tasks

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet


def expire(bans: BanQuerySet, *, at: datetime) -> int:
    """Stamp those of the bans that have run out with their end, and tell; return how many.

    The caller holds the exclusive intake lock. Repeating is safe.
    """
    # By their ids: once they are stamped nothing else tells them apart.
    over = Ban.objects.filter(pk__in=list(bans.run_out(at).order_by("pk").values_list("pk", flat=True)))
    count = over.update(ended_at=F("until"))
    if count:
        add_tasks(over, MarketplaceTask.Action.UNBLOCK, at=at)
        ban_expired.send(sender=Ban, bans=over, at=at)
    return count


def expire_bans(*, at: datetime) -> int:
    """Note all bans that have run out, in short transactions; return how many. The scheduler calls it."""
    count = 0
    while stamped := _expire_some(at=at):
        count += stamped
    return count


def _expire_some(*, at: datetime) -> int:
    if not Ban.objects.run_out(at).exists():
        return 0
    with transaction.atomic():
        locks.close_intake()
        first = Ban.objects.run_out(at).order_by("until").values("pk")[: settings.WRITE_BATCH]
        return expire(Ban.objects.filter(pk__in=list(first.values_list("pk", flat=True))), at=at)

"""Planning: writing one delivery for each customer of a broadcast's audience, in short transactions."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from customers.bulk import insert_from, stretch_end
from messaging.models import Broadcast, Delivery
from messaging.signals import WorkKind, work_waiting


def plan_stretch(*, at: datetime) -> bool:
    """Plan the next stretch of the oldest broadcast that waits for planning; return whether there was one.

    The cursor is saved in the transaction of the rows, so a killed worker leaves nothing out and writes nothing twice.
    """
    with transaction.atomic():
        broadcast = Broadcast.objects.to_plan().select_for_update(skip_locked=True).order_by("pk").first()
        if broadcast is None:
            return False
        rest = broadcast.customers().filter(pk__gt=broadcast.planned_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            broadcast.state = Broadcast.State.SENDING
            transaction.on_commit(lambda: work_waiting.send(sender=Broadcast, kind=WorkKind.SEND))
        else:
            insert_from(
                Delivery,
                rest.filter(pk__lte=last),
                broadcast=broadcast,
                customer=F("pk"),
                planned_at=at,
                ignore_conflicts=True,
            )
            broadcast.planned_up_to = last
        broadcast.progressed_at = at
        broadcast.save(update_fields=["state", "planned_up_to", "progressed_at"])
        return True

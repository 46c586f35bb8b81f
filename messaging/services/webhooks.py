"""What a manager does with endpoints and robots: try one, switch it on again, have something sent once more."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction

from customers.models import User
from customers.services import audit
from messaging.models import Robot, WebhookDelivery, WebhookTarget
from messaging.models.webhook import WebhookDeliveryQuerySet
from messaging.signals import WorkKind, work_waiting
from messaging.webhooks import Outcome

from .delivering import LEASE, send, settle
from .outbox import TEST, event_body, new_delivery, parcels


def test(target: WebhookTarget, *, by: User, at: datetime) -> WebhookDelivery:
    """Send a made-up event now and once; return its row, which says what became of it. Switched off or not."""
    is_robot = Robot.objects.filter(pk=target.pk).exists()
    payload = {"parameters": {}, "url": ""} if is_robot else event_body(TEST, {"name": target.name}, at=at)
    row = new_delivery(target, TEST, payload, at=at)
    row.token, row.next_at, row.attempts = secrets.token_hex(16), at + LEASE, 1
    with transaction.atomic():
        row.save()
        audit.record("webhook.tested", WebhookTarget.objects.filter(pk=target.pk), by=by, at=at)
    [(parcel, rows)] = parcels(target, [row])
    verdict, code = send(target, parcel, at=at)
    held = WebhookDelivery.objects.held_by(row.token)
    settle(held, rows, verdict, code=code, at=at)
    if verdict.outcome == Outcome.LATER:  # whoever tries it out looks at it now
        WebhookDelivery.objects.open().filter(pk=row.pk).update(
            state=WebhookDelivery.State.FAILED, next_at=None, settled_at=at
        )
    row.refresh_from_db()
    return row


def resume(target: WebhookTarget) -> None:
    """Forget how often it failed. For a target that was changed or switched on: it is tried again at once."""
    WebhookTarget.objects.filter(pk=target.pk).update(
        failures=0, failing_since=None, last_error="", stopped_at=None, not_before=None
    )


def replay(deliveries: WebhookDeliveryQuerySet, *, by: User, at: datetime) -> int:
    """Send settled deliveries of active endpoints once more, with their old ids; return how many.

    What a group was told is not told again. Repeating is safe: what waits already is left alone.
    """
    chosen = deliveries.filter(next_at__isnull=True, target__robot__isnull=True, target__is_active=True)
    with transaction.atomic():
        ids = list(chosen.exclude(event=TEST).values_list("pk", flat=True))
        rows = WebhookDelivery.objects.filter(pk__in=ids, next_at__isnull=True)
        if not ids or not rows.update(
            state=WebhookDelivery.State.WAITING, next_at=at, attempts=0, settled_at=None, last_error=""
        ):
            return 0
        audit.record("webhook.replayed", WebhookDelivery.objects.filter(pk__in=ids), by=by, at=at)
        transaction.on_commit(lambda: work_waiting.send(sender=WebhookDelivery, kind=WorkKind.DELIVER))
    return len(ids)

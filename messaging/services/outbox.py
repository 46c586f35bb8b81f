"""Writing down what is to be told outside, and making of it what each target understands."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override

from customers.models import Account, InquiryMessage, Source
from customers.parts import NotificationKind
from customers.services.notifications import tell
from messaging.models import Endpoint, Robot, WebhookDelivery, WebhookTarget
from messaging.signals import WorkKind, work_waiting
from messaging.webhooks import Parcel, get_style

ANSWERED, TEST, TOLD = "message.answered", "webhook.test", "staff.told"
# What was delivered, or given up, is kept for so long.
KEPT = timedelta(days=30)


def _tell_stop(parameters: Mapping[str, Any]) -> str:
    return _("%(name)s gets no more webhooks: it was switched off after failing.") % parameters


STOPPED = NotificationKind(
    name="webhook_stopped", label=gettext_lazy("an endpoint or group robot was switched off"), tell=_tell_stop
)


def tell_answer(message: InquiryMessage) -> None:
    """Tell the endpoints of the inquiry's source what the customer was answered, in the transaction of the answer."""
    inquiry = message.inquiry
    endpoints = listening(inquiry.source_id)
    if not endpoints:
        return
    accounts = Account.objects.filter(customer=inquiry.customer_id, source=inquiry.source_id).order_by("pk")
    data = {
        "inquiry_id": inquiry.pk,
        "message_id": message.pk,
        "source": endpoints[0].source.code,
        "customer": {"id": inquiry.customer_id, "accounts": list(accounts.values("external_id", "nick"))},
        "text": message.text,
        "at": message.at.isoformat(),
        "is_automatic": message.author == InquiryMessage.Author.AUTOMATIC,
    }
    _write(endpoints, ANSWERED, event_body(ANSWERED, data, at=message.at), at=message.at)


def listening(source_id: int | None = None) -> list[Endpoint]:
    """The active endpoints, of one source or of all."""
    endpoints = Endpoint.objects.filter(is_active=True).select_related("source").order_by("pk")
    return list(endpoints.filter(source=source_id) if source_id else endpoints)


def tell_endpoints(event: str, data: Mapping[str, Any], *, source: Source | None = None, at: datetime) -> None:
    """Tell every active endpoint of the source, or of all sources, in the transaction of what happened.

    `event` is `noun.past_tense`, such as `order.held`; `data` is what JSON holds, and names no source's accounts to
    another. Who is told of many things at once is told by `tell_endpoint`.
    """
    _write(listening(source.pk if source else None), event, event_body(event, data, at=at), at=at)


def tell_endpoint(endpoint: Endpoint, told: Sequence[tuple[str, Mapping[str, Any]]], *, at: datetime) -> None:
    """Tell one endpoint of many things, each an event and its data, in one statement."""
    _save([new_delivery(endpoint, event, event_body(event, data, at=at), at=at) for event, data in told])


def tell_groups(kind: str, parameters: Mapping[str, Any], *, url: str, at: datetime) -> None:
    """Have the robots tell their groups, where they tell this kind of news. In the transaction of what happened."""
    robots = [robot for robot in Robot.objects.filter(is_active=True).order_by("pk") if kind in robot.kinds]
    _write(robots, kind, {"parameters": dict(parameters), "url": url}, at=at)


def event_body(event: str, data: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The three members that Standard Webhooks recommends."""
    return {"type": event, "timestamp": at.isoformat(), "data": dict(data)}


def new_delivery(target: WebhookTarget, event: str, payload: Mapping[str, Any], *, at: datetime) -> WebhookDelivery:
    """An unsaved row of the outbox, due at once."""
    return WebhookDelivery(
        target_id=target.pk,
        webhook_id=f"msg_{secrets.token_hex(16)}",
        event=event,
        payload=payload,
        created_at=at,
        next_at=at,
    )


def _write(targets: Iterable[WebhookTarget], event: str, payload: Mapping[str, Any], *, at: datetime) -> None:
    """One row for each target."""
    _save([new_delivery(target, event, payload, at=at) for target in targets])


def _save(rows: Sequence[WebhookDelivery]) -> None:
    """Write rows of the outbox, and have a worker woken on commit."""
    if rows:
        with transaction.atomic():
            WebhookDelivery.objects.bulk_create(rows)
            transaction.on_commit(lambda: work_waiting.send(sender=WebhookDelivery, kind=WorkKind.DELIVER))


def parcels(target: WebhookTarget, rows: Sequence[WebhookDelivery]) -> list[tuple[Parcel, Sequence[WebhookDelivery]]]:
    """What is to be sent, with the rows that each of it settles: a chat gets one message for all of them."""
    robot = Robot.objects.filter(pk=target.pk).first()
    if robot is None:
        return [(Parcel(row.webhook_id, row.payload, ""), [row]) for row in rows]
    with override(robot.language):
        told = [(row, _news(robot, row)) for row in rows]
        if robot.style != WebhookTarget.Style.STANDARD and rows:
            text = _merged(
                [news["text"] + "\n" + news["url"] for _row, news in told], get_style(robot.style).most_bytes
            )
            return [(Parcel(rows[0].webhook_id, {}, text), rows)]
        return [
            (Parcel(row.webhook_id, event_body(TOLD, news, at=row.created_at), news["text"]), [row])
            for row, news in told
        ]


def _news(robot: Robot, row: WebhookDelivery) -> dict[str, str]:
    """What happened, in the language that is active: no personal data, as the bell has none."""
    if row.event == TEST:
        text = _("This is a test: the group robot “%(name)s” of the shop works.") % {"name": robot.name}
    else:
        text = tell(row.event, row.payload["parameters"])
    url = row.payload.get("url", "")
    return {"kind": row.event, "text": text, "url": f"{settings.PUBLIC_URL.rstrip('/')}{url}" if url else ""}


def _merged(texts: Sequence[str], most_bytes: int) -> str:
    """As many of the texts as the message holds, and how many more there are."""
    head = _("Shop CRM") if len(texts) == 1 else _("Shop CRM: %(count)d news") % {"count": len(texts)}
    lines, room = [head], most_bytes - len(head.encode()) - 60
    for number, text in enumerate(texts):
        entry = text.strip()
        room -= len(entry.encode()) + 1
        if room < 0:
            left = len(texts) - number
            lines.append(ngettext("… and %(count)d more", "… and %(count)d more", left) % {"count": left})
            break
        lines.append(entry)
    return "\n".join(lines)


def delete_settled(*, at: datetime) -> None:
    """Delete what was settled long ago: the log holds what customers were answered. The scheduler calls it."""
    WebhookDelivery.objects.settled_before(at - KEPT).delete()

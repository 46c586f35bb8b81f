"""What a customer's timeline tells of broadcasts, with why he did not get one, and of his opt-outs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.cells import moment
from customers.models import Customer
from customers.parts import TimelineEntry, TimelineSource, Viewer
from messaging.channels import channel_label
from messaging.models import Delivery, OptOut
from messaging.rendering import title

from .figures import DELIVERY_KINDS

OPT_OUTS: dict[str, Any] = {
    "kind": "opt_out",
    "label": gettext_lazy("opt-outs"),
    "icon": "unsubscribe",
    "permission": "customers.view_customer",
    "scope": "customers:read",
}


def _deliveries(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """When they were planned: that does not change any more."""
    return Delivery.objects.filter(customer=customer).annotate(timeline_at=F("planned_at"))


def _show_deliveries(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    deliveries = Delivery.objects.filter(pk__in=ids).select_related("broadcast__product")
    return {delivery.pk: _delivery(delivery) for delivery in deliveries}


def _delivery(delivery: Delivery) -> TimelineEntry:
    broadcast, state = delivery.broadcast, delivery.get_state_display()
    told = {"title": title(broadcast), "state": state, "reason": delivery.get_reason_display()}
    heading = (
        _("Broadcast “%(title)s”: %(state)s (%(reason)s)") if delivery.reason else _("Broadcast “%(title)s”: %(state)s")
    )
    channel = channel_label(broadcast.channel)
    return TimelineEntry(
        title=heading % told,
        text=f"{channel}, {moment(delivery.settled_at)}" if delivery.settled_at else channel,
        url=broadcast.get_absolute_url(),
        tone=DELIVERY_KINDS[Delivery.State(delivery.state)],
    )


def _opt_outs(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return OptOut.objects.filter(customer=customer).annotate(timeline_at=F("at"))


def _ended(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return OptOut.objects.filter(customer=customer, ended_at__isnull=False).annotate(timeline_at=F("ended_at"))


def _show_opt_outs(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        row.pk: TimelineEntry(
            title=_("Opted out: %(channel)s") % {"channel": channel_label(row.channel)},
            text=row.get_source_display(),
            tone="warning",
        )
        for row in OptOut.objects.filter(pk__in=ids)
    }


def _show_ended(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        row.pk: TimelineEntry(title=_("Opt-out ended: %(channel)s") % {"channel": channel_label(row.channel)})
        for row in OptOut.objects.filter(pk__in=ids)
    }


SOURCES = [
    TimelineSource(
        name="delivery",
        kind="broadcast",
        label=gettext_lazy("broadcasts"),
        icon="campaign",
        permission="messaging.view_delivery",
        scope="inbox:read",
        rows=_deliveries,
        show=_show_deliveries,
    ),
    TimelineSource(name="opt_out", rows=_opt_outs, show=_show_opt_outs, **OPT_OUTS),
    TimelineSource(name="opt_out_ended", rows=_ended, show=_show_ended, **OPT_OUTS),
]

"""What a customer's timeline tells of the watch list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Watch
from customers.admin.cells import moment, staff_name
from customers.models import Customer
from customers.parts import TimelineEntry, TimelineSource, Viewer

WATCHES: dict[str, Any] = {
    "kind": "watch",
    "label": gettext_lazy("watch list"),
    "icon": "visibility",
    "permission": "blocklist.view_watch",
    "scope": "bans:read",
}


def _started(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Watch.objects.filter(customer=customer).annotate(timeline_at=F("started_at"))


def _confirmed(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """What a rule proposed; one that a person set is confirmed from the beginning."""
    return Watch.objects.filter(customer=customer, by__isnull=True).annotate(timeline_at=F("confirmed_at"))


def _ended(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Watch.objects.filter(customer=customer, ended_by__isnull=False).annotate(timeline_at=F("ended_at"))


def _over(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """Those that came to their end by themselves, stamped since or not."""
    over = Watch.objects.filter(customer=customer, ended_by__isnull=True, until__lte=at)
    return over.annotate(timeline_at=F("until"))


def _rows(ids: Collection[int]) -> QuerySet[Watch]:
    return Watch.objects.filter(pk__in=ids).select_related("by", "confirmed_by", "ended_by")


def _show_started(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {row.pk: _start(row) for row in _rows(ids)}


def _start(row: Watch) -> TimelineEntry:
    told = {"type": row.get_type_display(), "until": moment(row.until)}
    if row.by is None:
        title = _("A rule proposes to watch: %(type)s")
    elif row.until:
        title = _("Watched until %(until)s: %(type)s")
    else:
        title = _("Watched without end: %(type)s")
    by = staff_name(row.by) if row.by else row.rule
    return TimelineEntry(title=title % told, text=row.note, by=by, url=row.get_absolute_url(), tone="warning")


def _show_confirmed(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        row.pk: TimelineEntry(
            title=_("Watch confirmed: orders are held"),
            by=staff_name(row.confirmed_by),
            url=row.get_absolute_url(),
            tone="warning",
        )
        for row in _rows(ids)
    }


def _show_ended(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        row.pk: TimelineEntry(
            title=_("Watch ended") if row.is_confirmed() else _("Proposed watch dismissed"),
            text=row.end_reason,
            by=staff_name(row.ended_by),
            url=row.get_absolute_url(),
            tone="success",
        )
        for row in _rows(ids)
    }


def _show_over(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {row.pk: TimelineEntry(title=_("Watch run out"), url=row.get_absolute_url()) for row in _rows(ids)}


SOURCES = [
    TimelineSource(name="watch", rows=_started, show=_show_started, **WATCHES),
    TimelineSource(name="watch_confirmed", rows=_confirmed, show=_show_confirmed, **WATCHES),
    TimelineSource(name="watch_ended", rows=_ended, show=_show_ended, **WATCHES),
    TimelineSource(name="watch_over", rows=_over, show=_show_over, **WATCHES),
]

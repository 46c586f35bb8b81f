"""What a customer's timeline tells of bans, attempts to buy and exemptions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Appeal, Attempt, Ban, BanRequest, Exemption
from customers.admin.cells import moment, money, staff_name
from customers.models import Customer
from customers.parts import TimelineEntry, TimelineSource, Viewer

BANS: dict[str, Any] = {
    "kind": "ban",
    "label": gettext_lazy("bans"),
    "icon": "block",
    "permission": "blocklist.view_ban",
    "scope": "bans:read",
}


def _bans(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Ban.objects.filter(customer=customer).annotate(timeline_at=F("started_at"))


def _lifted(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Ban.objects.filter(customer=customer, lifted_by__isnull=False).annotate(timeline_at=F("ended_at"))


def _over(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """Bans that came to their end by themselves: the next ban stamps them, and until then nothing had to run."""
    bans = Ban.objects.filter(customer=customer, lifted_by__isnull=True, until__lte=at)
    return bans.filter(Q(ended_at__isnull=True) | Q(ended_at=F("until"))).annotate(timeline_at=F("until"))


def _entries(entry: Callable[[Ban], TimelineEntry]) -> Callable[[Collection[int]], Mapping[int, TimelineEntry]]:
    def show(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
        bans = Ban.objects.filter(pk__in=ids).select_related("by", "lifted_by")
        return {ban.pk: entry(ban) for ban in bans}

    return show


def _set(ban: Ban) -> TimelineEntry:
    told = {"type": ban.get_type_display(), "until": moment(ban.until)}
    title = _("Banned until %(until)s: %(type)s") if ban.until else _("Banned without end: %(type)s")
    return TimelineEntry(title=title % told, text=ban.note, by=staff_name(ban.by), url=_url(ban), tone="danger")


def _lift(ban: Ban) -> TimelineEntry:
    return TimelineEntry(
        title=_("Ban lifted"), text=ban.lift_reason, by=staff_name(ban.lifted_by), url=_url(ban), tone="success"
    )


def _run_out(ban: Ban) -> TimelineEntry:
    return TimelineEntry(title=_("Ban run out"), url=_url(ban))


def _url(ban: Ban) -> str:
    return reverse("admin:blocklist_ban_change", args=[ban.pk])


def _attempts(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Attempt.objects.filter(customer=customer, **viewer.own_source()).annotate(timeline_at=F("at"))


def _show_attempts(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {attempt.pk: _attempt(attempt) for attempt in Attempt.objects.filter(pk__in=ids)}


def _attempt(attempt: Attempt) -> TimelineEntry:
    told = {"outcome": attempt.get_outcome_display(), "order": attempt.order_number, "amount": money(attempt.amount)}
    title = (
        _("Attempt to buy, %(outcome)s: %(order)s %(amount)s")
        if attempt.order_number
        else _("Attempt to buy, %(outcome)s")
    )
    return TimelineEntry(
        title=title % told,
        text=_("Asked by: %(door)s") % {"door": attempt.get_door_display()},
        url=reverse("admin:blocklist_attempt_change", args=[attempt.pk]),
        tone="warning",
    )


def _exemptions(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Exemption.objects.filter(customer=customer).annotate(timeline_at=F("started_at"))


def _ended_exemptions(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Exemption.objects.filter(customer=customer, ended_by__isnull=False).annotate(timeline_at=F("ended_at"))


def _show_exemptions(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {row.pk: _exempt(row) for row in Exemption.objects.filter(pk__in=ids).select_related("by")}


def _exempt(row: Exemption) -> TimelineEntry:
    title = _("Exempt until %(until)s") % {"until": moment(row.until)} if row.until else _("Exempt without end")
    return TimelineEntry(title=title, text=row.reason, by=staff_name(row.by), tone="success")


def _show_ended_exemptions(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = Exemption.objects.filter(pk__in=ids).select_related("ended_by")
    return {row.pk: TimelineEntry(title=_("Exemption ended"), by=staff_name(row.ended_by)) for row in rows}


EXEMPTIONS: dict[str, Any] = {
    "kind": "exemption",
    "label": gettext_lazy("exemptions"),
    "icon": "verified_user",
    "permission": "blocklist.view_exemption",
    "scope": "bans:read",
}


REQUESTS: dict[str, Any] = {
    "kind": "ban_request",
    "label": gettext_lazy("ban requests"),
    "icon": "pan_tool",
    "permission": "blocklist.view_banrequest",
    "scope": "ban-requests:read",
}


def _requests(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return BanRequest.objects.filter(customer=customer).annotate(timeline_at=F("created_at"))


def _decided_requests(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return BanRequest.objects.filter(customer=customer).annotate(timeline_at=F("decided_at"))


def _show_requests(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = BanRequest.objects.filter(pk__in=ids).select_related("by")
    return {
        row.pk: TimelineEntry(
            title=_("Ban requested: %(type)s") % {"type": row.get_type_display()},
            text=row.note,
            by=row.rule or staff_name(row.by),
            url=row.get_absolute_url(),
            tone="warning",
        )
        for row in rows
    }


def _show_decisions(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = BanRequest.objects.filter(pk__in=ids).select_related("decided_by")
    return {
        row.pk: TimelineEntry(
            title=_("Ban request: %(state)s") % {"state": row.get_state_display()},
            text=row.reason,
            by=staff_name(row.decided_by),
            url=row.get_absolute_url(),
        )
        for row in rows
    }


def _appeals(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Appeal.objects.filter(customer=customer).annotate(timeline_at=F("opened_at"))


def _decided_appeals(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Appeal.objects.filter(customer=customer, decided_at__isnull=False).annotate(timeline_at=F("decided_at"))


def _show_appeals(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = Appeal.objects.filter(pk__in=ids).select_related("opened_by")
    return {
        row.pk: TimelineEntry(
            title=_("Appeal opened"), text=row.text, by=staff_name(row.opened_by), url=row.get_absolute_url()
        )
        for row in rows
    }


def _show_decided_appeals(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = Appeal.objects.filter(pk__in=ids).select_related("decided_by")
    return {
        row.pk: TimelineEntry(
            title=_("Appeal: %(state)s") % {"state": row.get_state_display()},
            text=row.answer,
            by=staff_name(row.decided_by),
            url=row.get_absolute_url(),
            tone="success" if row.state == Appeal.State.OVERTURNED else "",
        )
        for row in rows
    }


APPEALS: dict[str, Any] = {
    "kind": "appeal",
    "label": gettext_lazy("appeals"),
    "icon": "balance",
    "permission": "blocklist.view_appeal",
    "scope": "appeals:read",
}

SOURCES = [
    TimelineSource(name="ban_request", rows=_requests, show=_show_requests, **REQUESTS),
    TimelineSource(name="ban_request_decided", rows=_decided_requests, show=_show_decisions, **REQUESTS),
    TimelineSource(name="ban", rows=_bans, show=_entries(_set), **BANS),
    TimelineSource(name="ban_lifted", rows=_lifted, show=_entries(_lift), **BANS),
    TimelineSource(name="ban_over", rows=_over, show=_entries(_run_out), **BANS),
    TimelineSource(
        name="attempt",
        kind="attempt",
        label=gettext_lazy("attempts to buy"),
        icon="gpp_bad",
        permission="blocklist.view_attempt",
        scope="bans:read",
        rows=_attempts,
        show=_show_attempts,
    ),
    TimelineSource(name="exemption", rows=_exemptions, show=_show_exemptions, **EXEMPTIONS),
    TimelineSource(name="exemption_ended", rows=_ended_exemptions, show=_show_ended_exemptions, **EXEMPTIONS),
    TimelineSource(name="appeal", rows=_appeals, show=_show_appeals, **APPEALS),
    TimelineSource(name="appeal_decided", rows=_decided_appeals, show=_show_decided_appeals, **APPEALS),
]

"""What became of a ban, in order: requested, set, confirmed, appealed against, upheld, lifted, restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from blocklist.models import Appeal, Ban, BanRequest
from customers.admin.cells import moment, staff_name

from .why import until_shown


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that happened: when, what, perhaps why, and the page that tells more."""

    at: datetime
    what: str
    why: str = ""
    url: str = ""

    @property
    def moment(self) -> str:
        return moment(self.at)


def history(ban: Ban, request: HttpRequest, *, at: datetime) -> list[HistoryEntry]:
    """In order of time. Three queries."""
    entries = [*_requests(ban, request), *_own(ban, at=at), *_appeals(ban, request), *_restored(ban)]
    return sorted(entries, key=lambda entry: entry.at)


def _own(ban: Ban, *, at: datetime) -> Iterator[HistoryEntry]:
    set_by = {"user": staff_name(ban.by), "type": ban.get_type_display(), "until": until_shown(ban.until)}
    restored = {"url": ban.restores.get_absolute_url()} if ban.restores else {}
    yield HistoryEntry(ban.started_at, _("%(user)s banned him: %(type)s, %(until)s.") % set_by, ban.note, **restored)
    if ban.confirmed_at:
        yield HistoryEntry(ban.confirmed_at, _("%(user)s confirmed the ban.") % {"user": staff_name(ban.confirmed_by)})
    if ban.upheld_at:
        yield HistoryEntry(ban.upheld_at, _("The ban was upheld on appeal."))
    if ban.ended_at and ban.lifted_by:
        yield HistoryEntry(
            ban.ended_at, _("%(user)s lifted the ban.") % {"user": staff_name(ban.lifted_by)}, ban.lift_reason
        )
    elif ban.until and ban.until <= at:
        yield HistoryEntry(ban.until, _("The ban ran out."))


def _requests(ban: Ban, request: HttpRequest) -> Iterator[HistoryEntry]:
    for row in BanRequest.objects.filter(ban=ban).select_related("by", "decided_by").order_by("pk"):
        asked_by = staff_name(row.by) if row.by else _("The rule “%(rule)s”") % {"rule": row.rule}
        url = _page(row, request)
        yield HistoryEntry(row.created_at, _("%(user)s requested the ban.") % {"user": asked_by}, row.note, url)
        if row.decided_at:
            told = {"user": staff_name(row.decided_by), "state": row.get_state_display()}
            yield HistoryEntry(row.decided_at, _("Ban request: %(state)s, by %(user)s.") % told, row.reason, url)


def _appeals(ban: Ban, request: HttpRequest) -> Iterator[HistoryEntry]:
    for row in Appeal.objects.filter(ban=ban).select_related("opened_by", "decided_by").order_by("pk"):
        opened = staff_name(row.opened_by) if row.opened_by else _("The buyer")
        url = _page(row, request)
        yield HistoryEntry(row.opened_at, _("%(user)s opened an appeal.") % {"user": opened}, row.text, url)
        if row.decided_at:
            told = {"user": staff_name(row.decided_by), "state": row.get_state_display()}
            yield HistoryEntry(row.decided_at, _("Appeal: %(state)s, by %(user)s.") % told, row.answer, url)


def _restored(ban: Ban) -> Iterator[HistoryEntry]:
    for row in Ban.objects.filter(restores=ban).select_related("by").order_by("pk"):
        what = _("%(user)s took the lifting back; the ban goes on.") % {"user": staff_name(row.by)}
        yield HistoryEntry(row.started_at, what, url=row.get_absolute_url())


def _page(row: BanRequest | Appeal, request: HttpRequest) -> str:
    """Its page in the panel, for whoever may see it."""
    model: type[Model] = type(row)
    may_see = admin.site.is_registered(model) and admin.site.get_model_admin(model).has_view_permission(request)
    return row.get_absolute_url() if may_see else ""

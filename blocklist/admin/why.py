"""Why is he banned? The one line that stands wherever a banned customer or what came of his ban is shown."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from blocklist.models import Ban
from customers.admin.cells import moment, staff_name


def why_banned(*, by: str, type: str, since: datetime, until: datetime | None) -> str:
    """By whom, when, type, until when: a sentence without markup."""
    told = {"user": by, "date": moment(since), "type": Ban.Type(type).label, "until": until_shown(until)}
    return _("Banned by %(user)s on %(date)s: %(type)s, %(until)s.") % told


def why(ban: Ban) -> SafeString:
    """The sentence about the ban, with a link to the entry."""
    return why_line(why_sentence(ban), ban.get_absolute_url())


def why_sentence(ban: Ban) -> str:
    """By whom, when, type, until when, and that it was lifted since. The ban comes with `by` and `lifted_by`."""
    sentence = why_banned(by=staff_name(ban.by), type=ban.type, since=ban.started_at, until=ban.until)
    if ban.ended_at is not None and ban.lifted_by is not None:
        told = {"user": staff_name(ban.lifted_by), "date": moment(ban.ended_at)}
        sentence += " " + _("Lifted by %(user)s on %(date)s.") % told
    return sentence


def why_line(sentence: str, url: str) -> SafeString:
    """The sentence with a link to the entry."""
    link = format_html('<a class="crm-link" href="{}">{}</a>', url, _("entry"))
    return format_html('<span class="crm-why">{} {}</span>', sentence, link)


def standing_bans_url() -> str:
    """Where each of the bans that stand now tells why."""
    return reverse("admin:blocklist_ban_changelist", query={"standing": "yes"})


def until_shown(until: datetime | None) -> str:
    return _("until %(date)s") % {"date": moment(until)} if until else _("without end")

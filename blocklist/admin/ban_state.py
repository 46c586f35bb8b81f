"""What a ban is now, as a badge: standing, lifted, run out."""

from __future__ import annotations

from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from blocklist.models import Ban
from customers.admin.cells import badge, moment


def state_badge(ban: Ban, at: datetime) -> SafeString:
    if ban.is_standing(at):
        if ban.confirm_by is not None and ban.confirmed_at is None:
            title = _("A manager is to confirm it by %(date)s.") % {"date": moment(ban.confirm_by)}
            told = {"age": timesince(ban.started_at, at, depth=1)}
            if ban.confirm_by <= at:
                return badge(_("standing, confirmation overdue: %(age)s") % told, kind="danger", title=title)
            return badge(_("standing, unconfirmed for %(age)s") % told, kind="warning", title=title)
        return badge(_("standing"), kind="danger")
    if ban.lifted_by_id is not None:
        return badge(_("lifted"), kind="plain", title=ban.lift_reason)
    return badge(_("run out"), kind="plain")

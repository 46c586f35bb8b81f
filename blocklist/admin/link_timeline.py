"""What a customer's timeline tells of the links that a person has decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import AccountLink
from customers.admin.cells import staff_name
from customers.models import Customer
from customers.parts import TimelineEntry, TimelineSource, Viewer


def _links(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return AccountLink.objects.of(customer).annotate(timeline_at=F("decided_at"))


def _show(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {link.pk: _entry(link) for link in AccountLink.objects.filter(pk__in=ids).select_related("decided_by")}


def _entry(link: AccountLink) -> TimelineEntry:
    """The two are named by their numbers: whoever sees the one may not see the other."""
    is_confirmed = link.state == AccountLink.State.CONFIRMED
    title = _("Customers #%(first)d and #%(second)d: one person")
    if not is_confirmed:
        title = _("Customers #%(first)d and #%(second)d: two different people")
    return TimelineEntry(
        title=title % {"first": link.first_id, "second": link.second_id},
        text=link.note,
        by=staff_name(link.decided_by),
        url=link.get_absolute_url(),
        tone="danger" if is_confirmed else "success",
    )


SOURCE = TimelineSource(
    name="link",
    kind="link",
    label=gettext_lazy("account links"),
    icon="link",
    permission="blocklist.view_accountlink",
    scope="bans:read",
    rows=_links,
    show=_show,
)

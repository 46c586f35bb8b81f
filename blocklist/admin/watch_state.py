"""What the customer list shows of the watch list: the badge beside a name, and the filter."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import ChoiceFilter

from blocklist.models import MaliciousType, Watch
from customers.admin.cells import badge

from .why import until_shown

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def watch_filter() -> ChoiceFilter:
    choices = [
        ("confirmed", gettext_lazy("watched")),
        ("proposed", gettext_lazy("proposed by a rule")),
        ("none", gettext_lazy("not on the watch list")),
    ]
    return ChoiceFilter(label=gettext_lazy("Watch list"), choices=choices, method=_filter)


def _filter(customers: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
    standing = Watch.objects.standing(timezone.now())
    if value == "none":
        return customers.exclude(Exists(standing.filter(customer=OuterRef("pk"))))
    return customers.having(standing.confirmed() if value == "confirmed" else standing.proposed())


def with_watch(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """Who is watched until when, by whom or which rule, and why."""
    standing = Watch.objects.standing(at).filter(customer=OuterRef("pk"))
    return customers.annotate(
        watch_type=Subquery(standing.values("type")[:1]),
        watch_until=Subquery(standing.values("until")[:1]),
        watch_confirmed_at=Subquery(standing.values("confirmed_at")[:1]),
        watch_rule=Subquery(standing.values("rule")[:1]),
        watch_confirmed_by=Subquery(standing.values("confirmed_by__username")[:1]),
    )


def watch_badge(customer: Any) -> SafeString | str:
    if customer.watch_type is None:
        return ""
    told = {
        "type": MaliciousType(customer.watch_type).label,
        "until": until_shown(customer.watch_until),
        "user": customer.watch_confirmed_by,
        "rule": customer.watch_rule,
    }
    if customer.watch_confirmed_at is None:
        title = _("%(type)s, proposed by the rule “%(rule)s”, %(until)s: advice only") % told
        return badge(_("watch proposed"), kind="plain", title=title)
    return badge(_("watched"), kind="warning", title=_("%(type)s, watched by %(user)s, %(until)s") % told)


def state_badge(watch: Watch, at: datetime) -> SafeString:
    """What a watch is now: confirmed, proposed by a rule, over."""
    if not watch.is_standing(at):
        return badge(_("over"), kind="plain", title=watch.end_reason)
    if watch.is_confirmed():
        return badge(_("watched"), kind="warning")
    return badge(_("proposed by a rule"), kind="info")

"""What the blocklist adds to the customers app: badge, last column, bulk ban, box of the customer page, filter."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Concat, NullIf, Trim
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import BooleanFilter

from customers.admin.cells import badge
from customers.admin.staff import signed_in
from customers.models import Customer, Deputyship, Inquiry
from customers.parts import Badge, Box, CustomerCount, ExportColumn, LevelHold, ListColumn, parts

from .admin import link_timeline, timeline_entries, watch_timeline
from .admin.answers import CAN_BUY, WHY_DECIDED
from .admin.appeals import appeal_address, appeals_of
from .admin.ban_pages import shown_advice
from .admin.bulk_actions import BULK_ACTIONS
from .admin.exemptions import exemption_of
from .admin.link_state import linked_badge, linked_filter, with_banned_link
from .admin.links import links_of
from .admin.marketplace_tasks import tasks_of_customer
from .admin.request_pages import request_state
from .admin.undo import UNDO_BOX
from .admin.watch_page import card_note, watch_box
from .admin.watch_state import watch_badge, watch_filter, with_watch
from .admin.why import why, why_banned, why_line
from .models import Attempt, Ban, BanRequest, Exemption, bannable_by, banned
from .services import ban_exports, bans, bulk_actions, open_orders, undo
from .services.appeal_news import APPEAL_DECIDED, APPEAL_OPENED
from .services.attempts import BOUGHT_DESPITE
from .services.confirmations import BAN_CONFIRMED, BAN_TO_CONFIRM
from .services.link_proposals import FindLinks
from .services.merges import MERGE_PARTS
from .services.request_news import BAN_REQUEST_DECIDED, BAN_REQUESTED
from .services.watches import WATCH_PROPOSED

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

# On the customer's page; his timeline tells of all.
SHOWN_BANS = 5
SHOWN_REQUESTS = 5

NEWS = (
    BOUGHT_DESPITE,
    BAN_REQUESTED,
    BAN_REQUEST_DECIDED,
    BAN_TO_CONFIRM,
    BAN_CONFIRMED,
    APPEAL_OPENED,
    APPEAL_DECIDED,
    WATCH_PROPOSED,
)


def register() -> None:
    parts.filters["banned"] = banned_filter
    parts.filters["linked"] = linked_filter
    parts.filters["watch"] = watch_filter
    parts.badges.append(
        Badge(
            name="banned",
            annotate=with_standing_ban,
            show=banned_badge,
            url=ban_url,
            tell=tell_ban,
            mark=banned_mark,
        )
    )
    parts.badges.append(Badge(name="watched", annotate=with_watch, show=watch_badge))
    parts.badges.append(Badge(name="linked", annotate=with_banned_link, show=linked_badge))
    parts.badges.append(Badge(name="exempt", annotate=with_exemption, show=exempt_badge))
    parts.list_columns.append(
        ListColumn(
            name="ban_purchase",
            label=gettext_lazy("Ban purchase"),
            annotate=with_right_to_ban,
            show=ban_link,
            is_last=True,
            show_in_talk=ban_link,
        )
    )
    parts.bulk_actions += BULK_ACTIONS
    parts.export_columns.append(
        ExportColumn("banned", gettext_lazy("banned until"), exported_ban, annotate=with_ban_to_export)
    )
    parts.job_kinds.update({kind.name: kind for kind in (*bulk_actions.KINDS, *undo.KINDS, *ban_exports.KINDS)})
    parts.job_kinds[FindLinks.name] = FindLinks
    parts.job_boxes.append(UNDO_BOX)
    parts.boxes.append(Box(name="ban_requests", template="admin/blocklist/customer_requests.html", context=_requests))
    parts.boxes.append(Box(name="bans", template="admin/blocklist/customer_bans.html", context=_bans))
    parts.boxes.append(Box(name="appeals", template="admin/blocklist/appeal/box.html", context=appeals_of))
    parts.boxes.append(
        Box(name="marketplaces", template="admin/blocklist/marketplace/tasks.html", context=tasks_of_customer)
    )
    parts.boxes.append(Box(name="watch", template="admin/blocklist/watch/box.html", context=watch_box))
    parts.boxes.append(Box(name="links", template="admin/blocklist/link/box.html", context=links_of))
    parts.boxes.append(Box(name="exemption", template="admin/blocklist/exemption/box.html", context=exemption_of))
    parts.notification_kinds.update({kind.name: kind for kind in NEWS})
    parts.merge_parts += MERGE_PARTS
    parts.level_holds.append(
        LevelHold(name="banned", label=gettext_lazy("banned"), of=lambda customers, at: banned(customers, at=at))
    )
    parts.timeline += [*timeline_entries.SOURCES, *watch_timeline.SOURCES]
    parts.timeline.append(link_timeline.SOURCE)
    parts.contactability.append(CAN_BUY)
    parts.decisions.append(WHY_DECIDED)
    parts.hold_reasons.update({code.value: code.label for code in Attempt.Code})
    parts.hold_reasons[open_orders.BANNED] = gettext_lazy("the buyer was banned")
    parts.hold_entries.append(open_orders.entries_of_holds)
    parts.customer_counts.append(CustomerCount(name="banned", label=gettext_lazy("banned"), count=_count_banned))
    parts.card_boxes.append(Box(name="watch", template="admin/blocklist/watch/card.html", context=card_note))
    parts.card_boxes.append(Box(name="ban", template="admin/blocklist/card_ban.html", context=_standing_ban))


def banned_filter() -> BooleanFilter:
    choices = [("", _("any")), ("true", _("banned")), ("false", _("not banned"))]
    return BooleanFilter(label=gettext_lazy("Ban"), widget=forms.Select(choices=choices), method=_filter_banned)


def _filter_banned(customers: CustomerQuerySet, name: str, value: bool) -> CustomerQuerySet:
    standing = Ban.objects.standing(timezone.now())
    return customers.having(standing) if value else customers.exclude(Exists(standing.filter(customer=OuterRef("pk"))))


def with_standing_ban(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """Who is banned since and until when, by whom and why."""
    standing = Ban.objects.standing(at).filter(customer=OuterRef("pk"))
    full_name = Trim(Concat("by__first_name", Value(" "), "by__last_name"))
    return customers.annotate(
        ban_id=Subquery(standing.values("pk")[:1]),
        ban_type=Subquery(standing.values("type")[:1]),
        banned_since=Subquery(standing.values("started_at")[:1]),
        ban_until=Subquery(standing.values("until")[:1]),
        banned_by=Subquery(
            standing.annotate(called=Coalesce(NullIf(full_name, Value("")), "by__username")).values("called")[:1]
        ),
    )


def with_right_to_ban(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    """Whether this staff user may ban, and may lift the ban that stands."""
    standing = Ban.objects.standing(at).filter(customer=OuterRef("pk"))
    deputyships = Deputyship.objects.not_over(at).of_deputy(signed_in(request))
    return customers.annotate(
        is_deputy=Exists(deputyships.filter(agent=OuterRef("agent"))),
        ban_by_manager=Subquery(standing.values("by_manager")[:1]),
        ban_confirmed_at=Subquery(standing.values("confirmed_at")[:1]),
        ban_upheld_at=Subquery(standing.values("upheld_at")[:1]),
        may_ban=Exists(bannable_by(signed_in(request), at=at).filter(pk=OuterRef("pk"))),
        may_lift=Exists(standing.liftable_by(signed_in(request), at=at)),
    )


def with_ban_to_export(customers: CustomerQuerySet, at: datetime) -> CustomerQuerySet:
    standing = Ban.objects.standing(at).filter(customer=OuterRef("pk"))
    return customers.annotate(
        ban_id=Subquery(standing.values("pk")[:1]), ban_until=Subquery(standing.values("until")[:1])
    )


def exported_ban(customer: Any) -> datetime | str:
    """Until when he is banned; empty where he is not."""
    if customer.ban_id is None:
        return ""
    return customer.ban_until or _("without end")


def banned_badge(customer: Any) -> SafeString | str:
    if customer.ban_id is None:
        return ""
    text = _("banned") if customer.ban_until is None else _("banned %(until)s") % {"until": _until(customer.ban_until)}
    return badge(text, kind="danger", title=_sentence(customer))


def ban_url(customer: Any) -> str:
    return reverse("admin:blocklist_ban_change", args=[customer.ban_id]) if customer.ban_id else ""


def tell_ban(customer: Any) -> SafeString | str:
    return why_line(_sentence(customer), ban_url(customer)) if customer.ban_id else ""


def banned_mark(customer: Any) -> SafeString | str:
    return badge(_("by a banned buyer"), kind="warning", title=_sentence(customer)) if customer.ban_id else ""


def _sentence(customer: Any) -> str:
    return why_banned(
        by=customer.banned_by, type=customer.ban_type, since=customer.banned_since, until=customer.ban_until
    )


def with_exemption(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    return customers.annotate(is_exempt=Exists(Exemption.objects.standing(at).filter(customer=OuterRef("pk"))))


def exempt_badge(customer: Any) -> SafeString | str:
    return badge(_("exempt"), kind="success") if customer.is_exempt else ""


def _until(until: datetime) -> str:
    return _("until %(date)s") % {"date": date_format(timezone.localtime(until), "DATE_FORMAT")}


def ban_link(customer: Any, request: HttpRequest, inquiry: Inquiry | None = None) -> SafeString:
    """The link at the right of every row; without the right it is grey, says why, and leads to the page that does.

    Beside a conversation it names that, so that what was said last becomes evidence.
    """
    if customer.ban_id is None:
        text, name, may = _("Ban purchase"), "admin:blocklist_ban_customer", customer.may_ban
        why_not = "" if may else bans.why_may_not_ban(customer, signed_in(request), is_deputy=customer.is_deputy)
    else:
        text, name, may = _("Lift ban"), "admin:blocklist_lift_customer", customer.may_lift
        decided = {"confirmed_at": customer.ban_confirmed_at, "upheld_at": customer.ban_upheld_at}
        standing = Ban(customer=customer, by_manager=customer.ban_by_manager, **decided)
        why_not = "" if may else bans.why_may_not_lift(standing, signed_in(request))
    kind = "is-off" if why_not else "is-danger" if customer.ban_id is None else "is-plain"
    query = {"next": request.get_full_path()}
    if inquiry and customer.ban_id is None:
        query["inquiry"] = str(inquiry.pk)
    address = f"{reverse(name, args=[customer.pk])}?{urlencode(query)}"
    return format_html('<a class="crm-button is-small {}" href="{}" title="{}">{}</a>', kind, address, why_not, text)


def _count_banned(customers: CustomerQuerySet, at: datetime) -> int:
    return banned(customers, at=at).count()


def _bans(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    history = Ban.objects.filter(customer=customer).select_related("by", "lifted_by").order_by("-started_at", "-pk")
    bans = list(history[: SHOWN_BANS + 1])
    return {
        "bans": [(ban, ban.is_standing(at)) for ban in bans[:SHOWN_BANS]],
        "has_more_bans": len(bans) > SHOWN_BANS,
    }


def _requests(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    if not request.user.has_perm("blocklist.view_banrequest"):
        return {"requests": []}
    rows = BanRequest.objects.filter(customer=customer).select_related("by", "decided_by")
    return {"requests": [(row, request_state(row, at)) for row in rows.order_by("-created_at", "-pk")[:SHOWN_REQUESTS]]}


def _standing_ban(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    ban = Ban.objects.standing(at).filter(customer=customer).select_related("by", "lifted_by").first()
    return {
        "ban": ban,
        "why": why(ban) if ban else "",
        "advice_text": shown_advice(ban.type) if ban else "",
        "appeal_address": appeal_address(customer, request) if ban else "",
        "ban_request": BanRequest.objects.open().filter(customer=customer).select_related("by").first(),
    }

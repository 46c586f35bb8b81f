"""The sidebar, grouped by the jobs of the staff, and the files that every page of the panel loads."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# The entries that are no lists.
DESK = "desk"
CHECK = "check"


# The groups of the sidebar with their lists, each with its icon.
GROUPS = [
    (
        gettext_lazy("Customers"),
        [
            ("customers.Customer", "group"),
            ("customers.Order", "receipt_long"),
            ("customers.Product", "inventory_2"),
            ("customers.Review", "reviews"),
            ("customers.Group", "sell"),
            ("customers.LevelRule", "military_tech"),
            ("customers.RfmScale", "grid_on"),
            ("customers.Source", "storefront"),
            ("customers.ImportRun", "upload_file"),
            ("customers.Duplicate", "group_add"),
            ("customers.Job", "work_history"),
        ],
    ),
    (
        gettext_lazy("Service"),
        [
            (DESK, "headset_mic"),
            ("customers.Inquiry", "forum"),
            ("customers.Agent", "support_agent"),
            ("customers.QuickReply", "quickreply"),
            ("customers.AutoReply", "smart_toy"),
            ("customers.Mute", "voice_over_off"),
            ("customers.WorkingHours", "schedule"),
            ("customers.ClosedDay", "event_busy"),
        ],
    ),
    (
        gettext_lazy("Blocklist"),
        [
            ("blocklist.Ban", "block"),
            ("blocklist.Watch", "visibility"),
            ("blocklist.BanRequest", "pan_tool"),
            ("blocklist.Appeal", "balance"),
            ("customers.OrderHold", "pause_circle"),
            ("blocklist.Attempt", "gpp_bad"),
            (CHECK, "person_search"),
            ("blocklist.MarketplaceTask", "checklist"),
            ("blocklist.AccountLink", "link"),
            ("blocklist.Exemption", "verified_user"),
            ("blocklist.Wording", "chat_info"),
        ],
    ),
    (
        gettext_lazy("Messages"),
        [
            ("messaging.Broadcast", "campaign"),
            ("messaging.Delivery", "outgoing_mail"),
            ("messaging.Robot", "smart_toy"),
            ("messaging.Endpoint", "webhook"),
        ],
    ),
    (gettext_lazy("Reports"), [("customers.Event", "history")]),
    (gettext_lazy("Staff"), [("customers.User", "badge"), ("auth.Group", "shield_person")]),
]


def stylesheet(request: HttpRequest) -> str:
    return static("crm_site/panel.css")


def script(request: HttpRequest) -> str:
    return static("crm_site/panel.js")


def order_flags_script(request: HttpRequest) -> str:
    return static("customers/order_flags.js")


def icon(request: HttpRequest) -> str:
    return static("crm_site/icon.svg")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar; a list stands there if it is registered and the user may view it."""
    shown = [{"title": title, "items": _items(request, lists)} for title, lists in GROUPS]
    return [group for group in shown if group["items"]]


def own_links(request: HttpRequest) -> list[dict[str, str]]:
    """What stands in the menu under one's own name. The page to sign in asks too."""
    if not request.user.is_authenticated:
        return []
    links = [{"title": _("Notifications"), "link": reverse("admin:customers_notification_preferences")}]
    if request.user.has_usable_password():
        links.append({"title": _("Change password"), "link": reverse("admin:password_change")})
    return links


def _items(request: HttpRequest, lists: list[tuple[str, str]]) -> list[dict[str, Any]]:
    items = []
    for label, icon in lists:
        if label == DESK:
            if request.user.has_perm("customers.view_inquiry"):
                items.append({"title": _("Reception desk"), "icon": icon, "link": reverse("desk")})
            continue
        if label == CHECK:
            if request.user.has_perms(["blocklist.view_attempt", "customers.view_customer"]):
                items.append({"title": _("Check a buyer"), "icon": icon, "link": reverse("check_buyer")})
            continue
        model = apps.get_model(label)
        registered = admin.site.is_registered(model)
        if registered and admin.site.get_model_admin(model).has_view_permission(request):
            link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            items.append({"title": _title(label, model), "icon": icon, "link": link})
    return items


def _title(label: str, model: Any) -> str:
    # two models are called "group": the customers' labels, and the roles of the staff
    return _("Roles") if label == "auth.Group" else capfirst(str(model._meta.verbose_name_plural))

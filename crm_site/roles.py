"""The roles of the staff. A role is a named set of permissions; no code asks for a role's name."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission

AGENT, LEAD, MANAGER = "agent", "lead", "manager"

_LOOK = (
    "customers.view_customer",
    "customers.view_account",
    "customers.view_binding",
    "customers.view_contactvalue",
    "customers.view_group",
    "customers.view_levelrule",
    "customers.view_product",
    "customers.view_order",
    "customers.view_orderline",
    "customers.view_refund",
    "customers.view_review",
    "customers.view_agent",
    "customers.view_mute",
    "customers.view_workinghours",
    "customers.view_closedday",
    "customers.view_inquiry",
    "customers.view_quickreply",
    "customers.view_autoreply",
    "customers.view_job",
    "customers.view_notification",
    "customers.view_savedfilter",
    "customers.add_savedfilter",
    "customers.change_savedfilter",
    "customers.delete_savedfilter",
    "blocklist.view_ban",
    "blocklist.view_attempt",
    "blocklist.view_evidence",
    "blocklist.view_watch",
    "blocklist.view_banrequest",
    "blocklist.view_appeal",
    "blocklist.view_marketplacetask",
    "blocklist.view_accountlink",
    "blocklist.view_exemption",
    "blocklist.view_wording",
    "customers.view_orderhold",
    "messaging.view_broadcast",
    "messaging.view_delivery",
)
_SERVE = (
    "customers.change_customer",
    "customers.change_order",
    "customers.change_product",
    "customers.bind_customer",
    "customers.export_customer",
    "customers.add_inquiry",
    "customers.answer_own_inquiry",
    "customers.add_quickreply",
    "customers.change_quickreply",
    "customers.delete_quickreply",
    "customers.add_autoreply",
    "customers.change_autoreply",
    "blocklist.add_banrequest",
    "blocklist.add_evidence",
    "blocklist.add_appeal",
    "blocklist.change_marketplacetask",
    "customers.review_order",
    "messaging.add_broadcast",
    "messaging.change_broadcast",
    "messaging.send_broadcast",
)
_LEAD = (
    "customers.view_any_customer",
    "customers.merge_customer",
    "customers.view_duplicate",
    "customers.view_merge",
    "customers.change_any_savedfilter",
    "customers.view_contact",
    "customers.bind_any_customer",
    "customers.add_group",
    "customers.change_group",
    "customers.view_rfmscale",
    "customers.add_rfmscale",
    "customers.change_agent",
    "customers.answer_any_inquiry",
    "customers.change_shop_replies",
    "customers.unmute_any_customer",
    "customers.add_workinghours",
    "customers.change_workinghours",
    "customers.delete_workinghours",
    "customers.add_closedday",
    "customers.change_closedday",
    "customers.delete_closedday",
    "customers.view_importrun",
    "customers.view_event",
    "customers.review_any_order",
    "blocklist.watch_any_customer_briefly",
    "messaging.send_broadcast_to_any",
)
_MANAGE = (
    "customers.add_agent",
    "customers.approve_deputyship",
    "customers.add_customer",
    "customers.add_importrun",
    "customers.revert_importrun",
    "customers.add_order",
    "customers.add_product",
    "customers.delete_group",
    "customers.change_levelrule",
    "customers.view_source",
    "customers.add_source",
    "customers.change_source",
    "customers.view_apikey",
    "customers.add_apikey",
    "customers.change_apikey",
    "customers.view_shop_figures",
    "customers.refund_order",
    "blocklist.ban_any_customer",
    "blocklist.add_exemption",
    "blocklist.change_exemption",
    "blocklist.decide_appeal",
    "blocklist.add_wording",
    "blocklist.change_wording",
    "blocklist.import_bans",
    "blocklist.export_bans",
    "messaging.view_endpoint",
    "messaging.add_endpoint",
    "messaging.change_endpoint",
    "messaging.view_robot",
    "messaging.add_robot",
    "messaging.change_robot",
    "messaging.view_webhookdelivery",
)

PERMISSIONS: dict[str, tuple[str, ...]] = {
    AGENT: (*_LOOK, *_SERVE, "blocklist.ban_own_customer"),
    LEAD: (*_LOOK, *_SERVE, *_LEAD),
    MANAGER: (*_LOOK, *_SERVE, *_LEAD, *_MANAGE),
}


def sync_roles() -> None:
    """Give each role exactly its permissions. Runs after every migrate; repeating is safe."""
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    for role, names in PERMISSIONS.items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in names if name in known])

"""What messaging adds to the customers app: the box of a customer's last broadcasts, "Announce" on new products."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.admin.staff import signed_in
from customers.parts import Box, ProductAction, parts

from .admin import timeline_entries
from .admin.answers import CAN_BE_MESSAGED
from .admin.figures import delivery_badge
from .models import Delivery
from .rendering import title
from .services.broadcasts import may_announce
from .services.merges import MERGE_PARTS
from .services.outbox import STOPPED

if TYPE_CHECKING:
    from customers.models import Customer, Product

SHOWN = 5


def register() -> None:
    parts.boxes.append(Box(name="broadcasts", template="admin/messaging/customer_box.html", context=last_broadcasts))
    parts.merge_parts += MERGE_PARTS
    parts.timeline += timeline_entries.SOURCES
    parts.contactability.append(CAN_BE_MESSAGED)
    parts.notification_kinds[STOPPED.name] = STOPPED
    parts.event_labels |= {
        "webhook.replayed": _("Webhook sent again"),
        "webhook.stopped": _("Target of webhooks switched off"),
        "webhook.tested": _("Target of webhooks tested"),
    }
    parts.product_actions.append(ProductAction(name="announce", label=_("Announce"), url=announce_url))


def last_broadcasts(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """The customer's last deliveries, the newest first, with what became of them and why."""
    if not request.user.has_perm("messaging.view_delivery"):
        return {"deliveries": [], "is_hidden": True}
    rows = Delivery.objects.filter(customer=customer).select_related("broadcast__product").order_by("-pk")
    return {
        "deliveries": [(delivery, title(delivery.broadcast), delivery_badge(delivery)) for delivery in rows[:SHOWN]],
        "all_url": f"{reverse('admin:messaging_delivery_changelist')}?{urlencode({'customer': customer.pk})}",
    }


def announce_url(product: Product, request: HttpRequest) -> str:
    """Where a new product is announced; empty for other products and for whoever may not send broadcasts."""
    if not (product.is_new and may_announce(signed_in(request))):
        return ""
    return f"{reverse('admin:messaging_broadcast_add')}?{urlencode({'product': product.pk})}"

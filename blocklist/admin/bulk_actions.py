"""What banning and lifting ask when they are chosen in the action menu of the customer list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from blocklist.models import OrderChoice
from blocklist.services import bulk_actions
from customers.admin.bulk_forms import BulkForm
from customers.parts import BulkAction

from .forms import BanForm, LiftForm, RequestedBanForm
from .open_order_forms import for_all


class BulkBanForm(BulkForm, BanForm):
    open_orders = for_all()

    @property
    def most_at_once(self) -> int:
        most: int = settings.BANS_AT_ONCE
        return most

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        at = timezone.now()
        if not self.errors and (until := self.until(at)) is not None and until <= at:
            self.add_error("last_day", _("A ban must end in the future."))
        return values

    def parameters(self, at: datetime) -> dict[str, Any]:
        until = self.until(at)
        chosen = {"type": self.cleaned_data["type"], "note": self.cleaned_data["note"]}
        chosen["open_orders"] = self.cleaned_data["open_orders"] or OrderChoice.Choice.KEEP.value
        return {**chosen, "until": until.isoformat() if until else ""}


class BulkRequestForm(BulkForm, RequestedBanForm):
    last_day = None

    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"type": self.cleaned_data["type"], "note": self.cleaned_data["note"], "days": self.days()}


class BulkLiftForm(BulkForm, LiftForm):
    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


BULK_ACTIONS = [
    BulkAction(
        bulk_actions.BanPurchases,
        BulkBanForm,
        ("blocklist.view_ban",),
        template="admin/blocklist/bulk_ban_fields.html",
        is_danger=True,
        instead=bulk_actions.RequestBans,
    ),
    BulkAction(bulk_actions.RequestBans, BulkRequestForm, ("blocklist.add_banrequest",)),
    BulkAction(bulk_actions.LiftBans, BulkLiftForm, ("blocklist.view_ban",)),
]

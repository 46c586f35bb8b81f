"""What was done with a ban, by the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from blocklist.models import Ban
from customers.admin.cells import NOTHING, moment, staff_name
from customers.admin.event_words import event_label
from customers.admin.events import KIND
from customers.models import Event, EventRow

SHOWN = 20


def audit_of(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """The last events that touched it, the latest first. One query."""
    label = Ban._meta.label_lower
    rows = EventRow.objects.filter(model=label, row_id=ban.pk)
    events = Event.objects.filter(pk__in=rows.values("event")).select_related("by").order_by("-at", "-pk")
    entries = [
        {
            "url": reverse("admin:customers_event_change", args=[event.pk]),
            "moment": moment(event.at),
            "what": event_label(event.verb),
            "by": staff_name(event.by),
            "fields": ", ".join(event.fields) or NOTHING,
            "reason": event.reason,
        }
        for event in events[:SHOWN]
    ]
    everything = reverse("admin:customers_event_changelist") + "?" + urlencode({"q": str(ban.pk), KIND: str(label)})
    return {"events": entries, "all_url": everything}

"""The timeline on a customer's page, and the door from which its further pages come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from customers.models import Customer
from customers.parts import Viewer
from customers.services.timeline import BadCursor, Cursor, Line, Page, kinds_for, timeline

from .cells import moment
from .staff import seen_customer, signed_in


def timeline_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The timeline by itself, for the script that puts it into the page."""
    customer = seen_customer(request, pk)
    shown = timeline_context(customer, request, at=timezone.now())
    return render(request, "admin/customers/customer/timeline.html", shown)


def timeline_context(customer: Customer, request: HttpRequest, *, at: datetime) -> dict[str, Any]:
    """What the address asks for: one kind (`kind`) or all, from the newest on or after a place (`after`)."""
    viewer = Viewer(user=signed_in(request))
    kinds, asked, error = kinds_for(viewer), request.GET.get("kind", ""), ""
    page = Page(lines=[], older=None)
    try:
        after = Cursor.read(request.GET["after"]) if request.GET.get("after") else None
    except BadCursor:
        error = _("This place in the timeline is not known. Begin with the newest.")
    else:
        if asked and asked not in kinds:
            error = _("There is no such kind of entries.")
        else:
            page = timeline(customer, viewer=viewer, at=at, kinds=[asked] if asked else (), after=after)
    return {
        "timeline_url": reverse("admin:customers_customer_timeline", args=[customer.pk]),
        "timeline_error": error,
        "timeline_lines": [_shown(line) for line in page.lines],
        "timeline_kinds": [(name, label, name == asked) for name, label in kinds.items()],
        "timeline_kind": asked,
        "timeline_is_older": "after" in request.GET,
        "timeline_older": urlencode({"kind": asked, "after": str(page.older)}) if page.older else "",
    }


def _shown(line: Line) -> dict[str, Any]:
    return {"at": moment(line.at), "kind": line.source.label, "icon": line.source.icon, "entry": line.entry}

"""A ban of a good customer on its page: what a manager is asked, and the button by which he confirms it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from blocklist.models import Ban
from blocklist.services import confirmations
from customers.admin.staff import came_from, of_seen_customers, signed_in


def confirmation_of(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What `ban/confirmation.html` shows on the ban's page: until when, by whom, and whether one may confirm."""
    return {
        "is_waiting": not confirmations.why_not_to_confirm(ban, at=at),
        "is_overdue": ban.confirm_by is not None and ban.confirm_by <= at,
        "is_alone": ban.confirmed_by_id is not None and ban.confirmed_by_id == ban.by_id,
        "why_not": confirmations.why_may_not_confirm(ban, signed_in(request)),
    }


@require_POST
def confirm_view(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    if not user.has_perm("blocklist.view_ban"):
        raise PermissionDenied
    ban = get_object_or_404(of_seen_customers(Ban.objects.all(), request), pk=pk)
    try:
        confirmations.confirm_ban(ban, by=user, at=timezone.now())
    except confirmations.NotToConfirm as error:
        messages.info(request, str(error))
    else:
        messages.success(request, _("The ban is confirmed; from now on only managers lift it."))
    return redirect(came_from(request, default=ban.get_absolute_url()))

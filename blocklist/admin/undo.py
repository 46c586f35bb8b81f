"""Undoing a bulk ban or a bulk lift from the page of its job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST

from blocklist.services import undo
from customers.admin.staff import signed_in
from customers.models import Job
from customers.parts import JobBox


@require_POST
def undo_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo the job and show the job that does; 403 with the reason where that cannot be."""
    user = signed_in(request)
    job = get_object_or_404(Job.objects.visible_to(user), pk=pk)
    return HttpResponseRedirect(undo.undo(job, by=user, clock=timezone.now).get_absolute_url())


def _box(job: Job, request: HttpRequest, at: datetime) -> dict[str, Any] | None:
    until = undo.can_be_undone_until(job)
    if until is None:
        return None
    undone_by = undo.undoings(job).order_by("pk").first()
    if undone_by is None and at > until:
        return None
    return {
        "job": job,
        "until": until,
        "undone_by": undone_by,
        "why_not": undo.why_may_not_undo(job, signed_in(request), at=at),
    }


UNDO_BOX = JobBox(name="undo", template="admin/blocklist/undo_box.html", context=_box)

"""The second person: letting a bulk action that waits for approval go on, or not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.models import Job, User
from customers.parts import NotificationKind, parts

from . import audit, jobs
from .customer_jobs import BulkKind
from .notifications import notify


class MayNotApprove(PermissionDenied):
    """The staff user may not decide on this job. The message says why."""


def _tell_decided(parameters: Mapping[str, Any]) -> str:
    kind = parts.job_kinds.get(parameters["kind"])
    said = {**parameters, "job": kind.label if kind else parameters["kind"]}
    if parameters["approved"]:
        return _("%(job)s: approved by %(user)s.") % said
    return _("%(job)s: declined by %(user)s.") % said


DECIDED = NotificationKind(
    name="approval_decided",
    label=gettext_lazy("a bulk action of mine was approved or declined"),
    tell=_tell_decided,
    is_personal=True,
)


def why_may_not_approve(job: Job, user: User) -> str:
    """Why this staff user may not decide on the job; empty where he may."""
    kind = parts.job_kinds.get(job.kind)
    permission = kind.approve_permission if kind and issubclass(kind, BulkKind) else ""
    if not permission or not user.has_perm(permission):
        return _("A manager decides on this.")
    if job.by_id == user.pk:
        return _("You asked for this, so somebody else decides.")
    return ""


def approve(job: Job, *, by: User, at: datetime) -> bool:
    """Let the job go on; return whether it waited for that, so repeating is safe. Raises MayNotApprove."""
    return _decide(job, by=by, at=at, approved=True, state=Job.State.WAITING, approved_by=by, approved_at=at)


def decline(job: Job, *, reason: str, by: User, at: datetime) -> bool:
    """End the job before it did anything; return whether it waited. Raises MayNotApprove, ValidationError."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why you decline it.")})
    told = {"finished_at": at, "message": _("Declined: %(reason)s") % {"reason": reason.strip()}}
    return _decide(job, by=by, at=at, approved=False, reason=reason.strip(), state=Job.State.CANCELLED, **told)


def _decide(job: Job, *, by: User, at: datetime, approved: bool, reason: str = "", **values: Any) -> bool:
    if why_not := why_may_not_approve(job, by):
        raise MayNotApprove(why_not)
    with transaction.atomic():
        locks.close_intake()  # whoever waited to be banned is answered otherwise from now on
        this = Job.objects.filter(pk=job.pk)
        decided = bool(this.awaiting_approval().update(**values))
        if decided:
            audit.record("job.approved" if approved else "job.declined", this, by=by, at=at, reason=reason)
            parameters: dict[str, str | int] = {"kind": job.kind, "user": by.username, "approved": int(approved)}
            asker = User.objects.filter(pk=jobs.asker(job).pk)
            notify(asker, DECIDED.name, at=at, url=job.get_absolute_url(), parameters=parameters)
            transaction.on_commit(jobs.wake)
    job.refresh_from_db()
    return decided


def remind(*, at: datetime) -> None:
    """Tell those who may decide again of what still waits. The scheduler calls it; repeating is safe."""
    for job in Job.objects.awaiting_approval().select_related("by").order_by("pk"):
        parts.job_kinds[job.kind]().tell_approvers(job, at=at)

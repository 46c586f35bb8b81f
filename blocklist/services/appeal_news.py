"""What is told of appeals, and to whom; and those that have nothing left to decide once the ban is lifted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Appeal
from customers.models import User
from customers.parts import NotificationKind
from customers.services import audit
from customers.services.notifications import notify

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from blocklist.models.ban import BanQuerySet


def _tell_opened(parameters: Mapping[str, Any]) -> str:
    return _("Appeal #%(appeal)d against a ban waits for a decision.") % parameters


def _tell_decided(parameters: Mapping[str, Any]) -> str:
    said = {**parameters, "state": Appeal.State(parameters["state"]).label}
    return _("Appeal #%(appeal)d: %(state)s, by %(user)s.") % said


APPEAL_OPENED = NotificationKind(
    name="appeal_opened", label=gettext_lazy("an appeal waits for a decision"), tell=_tell_opened
)
APPEAL_DECIDED = NotificationKind(
    name="appeal_decided",
    label=gettext_lazy("an appeal that I opened, or against a ban of mine, was decided"),
    tell=_tell_decided,
    is_personal=True,
)


def tell_opened(appeal: Appeal, users: QuerySet[User], *, at: datetime) -> None:
    """Ask these users to decide."""
    notify(users, APPEAL_OPENED.name, at=at, url=appeal.get_absolute_url(), parameters={"appeal": appeal.pk})


def tell_decided(appeal: Appeal, *, by: User, at: datetime) -> None:
    """Tell who opened it and who banned what became of it; not the one who did it himself."""
    concerned = User.objects.filter(pk__in=[appeal.opened_by_id or 0, appeal.ban.by_id]).exclude(pk=by.pk)
    parameters: dict[str, str | int] = {"appeal": appeal.pk, "state": appeal.state, "user": by.username}
    notify(concerned, APPEAL_DECIDED.name, at=at, url=appeal.get_absolute_url(), parameters=parameters)


def close_appeals(bans: BanQuerySet, *, by: User, at: datetime) -> int:
    """Close the open appeals against these bans, which were lifted just now, and tell whom they concern.

    Returns how many. Repeating is safe.
    """
    ids = list(Appeal.objects.open().filter(ban__in=bans.values("pk")).values_list("pk", flat=True))
    if not ids:
        return 0
    closed, note = Appeal.objects.filter(pk__in=ids), _("The ban was lifted meanwhile.")
    closed.update(state=Appeal.State.WITHDRAWN, decided_at=at, decided_by=by, note=note)
    audit.record("appeal.withdrawn", closed, by=by, at=at, fields=["state"], reason=note)
    for appeal in closed.select_related("ban").order_by("pk"):
        tell_decided(appeal, by=by, at=at)
    return len(ids)

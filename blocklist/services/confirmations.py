"""Bans of good customers stand at once, and a manager looks at them: he confirms, or lifts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from blocklist.models import Ban
from customers import locks
from customers.models import Customer, User
from customers.parts import NotificationKind
from customers.services import audit
from customers.services.notifications import notify
from customers.services.staff import who_may

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet

CONFIRM = "blocklist.ban_any_customer"
# Who has not confirmed in time is asked again so often.
ASKED_EVERY = timedelta(days=1)


class MayNotConfirm(PermissionDenied):
    """The staff user may not confirm this ban. The message says why."""


class NotToConfirm(Exception):
    """This ban waits for no confirmation. The message says why."""


def _tell_to_confirm(parameters: Mapping[str, Any]) -> str:
    count = parameters["count"]
    return ngettext(
        "%(count)s ban of a good customer stands and waits for a manager: confirm or lift it.",
        "%(count)s bans of good customers stand and wait for a manager: confirm or lift them.",
        count,
    ) % {"count": count}


def _tell_confirmed(parameters: Mapping[str, Any]) -> str:
    return _("%(user)s has confirmed your ban of customer #%(customer)s.") % parameters


BAN_TO_CONFIRM = NotificationKind(
    name="ban_to_confirm", label=gettext_lazy("a ban of a good customer waits for confirmation"), tell=_tell_to_confirm
)
BAN_CONFIRMED = NotificationKind(
    name="ban_confirmed",
    label=gettext_lazy("a ban that I set was confirmed by a manager"),
    tell=_tell_confirmed,
    is_personal=True,
)


def confirm_ban(ban: Ban, *, by: User, at: datetime) -> None:
    """Stand for a ban of a good customer as a manager: from now on only managers lift it. Repeating is safe.

    Raises MayNotConfirm without the right, or for who set it himself while another manager is there to look; and
    NotToConfirm where it is over, or nobody has to confirm it.
    """
    with transaction.atomic():
        locks.close_intake()
        ban.refresh_from_db()
        if ban.confirmed_at is not None:
            return
        if why_not := why_may_not_confirm(ban, by):
            raise MayNotConfirm(why_not)
        if not ban.is_standing(at) or ban.confirm_by is None:
            raise NotToConfirm(why_not_to_confirm(ban, at=at))
        this = Ban.objects.filter(pk=ban.pk)
        this.update(confirmed_at=at, confirmed_by=by)
        reason = str(_("decided alone")) if ban.by_id == by.pk else ""
        audit.record("ban.confirmed", this, by=by, at=at, fields=["confirmed_at"], reason=reason)
        setter = User.objects.filter(pk=ban.by_id).exclude(pk=by.pk)
        parameters: dict[str, str | int] = {"user": by.get_username(), "customer": ban.customer_id}
        notify(setter, BAN_CONFIRMED.name, at=at, url=ban.get_absolute_url(), parameters=parameters)
        ban.refresh_from_db()


def will_be_confirmed(customer: Customer, user: User) -> bool:
    """Whether a manager would be asked to confirm this user's ban of the customer."""
    return customer.level >= settings.BAN_CONFIRMED_FROM_LEVEL and not user.has_perm(CONFIRM)


def why_may_not_confirm(ban: Ban, user: User) -> str:
    """Why this staff user may not confirm the ban; empty where he may. Who is alone with the right decides alone."""
    if not user.has_perm(CONFIRM):
        return _("A manager confirms the ban of a good customer.")
    if ban.by_id == user.pk and who_may(CONFIRM).exclude(pk=user.pk).exists():
        return _("You set this ban yourself, so another manager confirms it.")
    return ""


def why_not_to_confirm(ban: Ban, *, at: datetime) -> str:
    """Why the ban waits for no confirmation; empty where it does."""
    if ban.confirmed_at is not None:
        return _("A manager has confirmed this ban.")
    if ban.confirm_by is None:
        return _("Nobody has to confirm this ban.")
    return "" if ban.is_standing(at) else _("This ban is over.")


def ask_to_confirm(bans: BanQuerySet, *, at: datetime) -> int:
    """Ask the managers to look at those of the bans that stand unconfirmed; return how many there are."""
    waiting = list(bans.unconfirmed().values_list("pk", flat=True))
    if not waiting:
        return 0
    asked = Ban.objects.filter(pk__in=waiting)
    asked.update(confirm_asked_at=at)
    url = asked[0].get_absolute_url() if len(waiting) == 1 else _list_url()
    notify(who_may(CONFIRM), BAN_TO_CONFIRM.name, at=at, url=url, parameters={"count": len(waiting)})
    return len(waiting)


def ask_again(*, at: datetime) -> None:
    """Ask once more about bans that nobody has confirmed in time, and then each day. The scheduler calls it."""
    overdue = Ban.objects.standing(at).unconfirmed().filter(confirm_by__lte=at)
    not_asked_since = Q(confirm_asked_at__isnull=True) | Q(confirm_asked_at__lt=F("confirm_by"))
    with transaction.atomic():
        ask_to_confirm(overdue.filter(not_asked_since | Q(confirm_asked_at__lte=at - ASKED_EVERY)), at=at)


def _list_url() -> str:
    return f"{reverse('admin:blocklist_ban_changelist')}?standing=confirm"

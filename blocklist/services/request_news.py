"""What is told of ban requests, and to whom; and those that a ban overtakes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import BanRequest, MaliciousType
from customers.models import User
from customers.parts import NotificationKind
from customers.services import audit
from customers.services.notifications import notify

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from blocklist.models.ban import BanQuerySet
    from blocklist.models.ban_request import BanRequestQuerySet


def _tell_asked(parameters: Mapping[str, Any]) -> str:
    type_ = parameters["type"]
    told = {**parameters, "type": MaliciousType(type_).label if type_ in MaliciousType.values else type_}
    return _("%(asker)s asks to ban customer #%(customer)s (%(type)s): approve or decline.") % told


def _tell_decided(parameters: Mapping[str, Any]) -> str:
    sentences = {
        BanRequest.State.APPROVED: _("%(user)s has banned customer #%(customer)s, as you asked."),
        BanRequest.State.DECLINED: _("%(user)s has declined to ban customer #%(customer)s; the reason stands there."),
        BanRequest.State.WITHDRAWN: _("%(user)s has withdrawn the request to ban customer #%(customer)s."),
        BanRequest.State.OVERTAKEN: _("Your request to ban customer #%(customer)s was overtaken: see what happened."),
    }
    return sentences[BanRequest.State(parameters["state"])] % parameters


BAN_REQUESTED = NotificationKind(
    name="ban_requested", label=gettext_lazy("a ban request waits for me"), tell=_tell_asked
)
BAN_REQUEST_DECIDED = NotificationKind(
    name="ban_request_decided",
    label=gettext_lazy("a ban that I asked for was decided on"),
    tell=_tell_decided,
    is_personal=True,
)


def tell_asked(request: BanRequest, users: QuerySet[User], *, at: datetime) -> None:
    """Ask these users to decide."""
    asker = request.by.get_username() if request.by else request.rule
    parameters: dict[str, str | int] = {"asker": asker, "customer": request.customer_id, "type": request.type}
    notify(users, BAN_REQUESTED.name, at=at, url=request.get_absolute_url(), parameters=parameters)


def tell_decided(request: BanRequest, *, by: User, at: datetime) -> None:
    """Tell whoever asked, and whoever joined him, what became of it; not the one who did it himself."""
    seconders = BanRequest.seconded_by.through.objects.filter(banrequest=request)
    askers = User.objects.filter(Q(pk=request.by_id) | Q(pk__in=seconders.values("user"))).exclude(pk=by.pk)
    parameters: dict[str, str | int] = {
        "user": by.get_username(),
        "customer": request.customer_id,
        "state": request.state,
    }
    notify(askers, BAN_REQUEST_DECIDED.name, at=at, url=request.get_absolute_url(), parameters=parameters)


def overtake_by(bans: BanQuerySet, *, by: User, at: datetime) -> int:
    """Close the open requests about customers whom these bans, set otherwise just now, have banned; return how many."""
    asked = BanRequest.objects.open().filter(customer__in=bans.order_by().values("customer"))
    of_customer = bans.order_by().filter(customer=OuterRef("customer"))
    return overtake(asked, by=by, at=at, ban=Subquery(of_customer.values("pk")[:1]))


def overtake(requests: BanRequestQuerySet, *, by: User, at: datetime, reason: str = "", ban: Any = None) -> int:
    """Close open requests that need no decision any more, and tell whoever asked; return how many."""
    ids = list(requests.open().values_list("pk", flat=True))
    if not ids:
        return 0
    closed = BanRequest.objects.filter(pk__in=ids)
    closed.update(state=BanRequest.State.OVERTAKEN, decided_at=at, decided_by=by, reason=reason, ban=ban)
    audit.record("ban_request.overtaken", closed, by=by, at=at, fields=["state"], reason=reason)
    # A rule may have asked for thousands; people ask for one at a time, and only they are told.
    for request in closed.filter(Q(by__isnull=False) | Q(seconded_by__isnull=False)).distinct():
        tell_decided(request, by=by, at=at)
    return len(ids)

"""Banning and lifting for many customers at once: the rule and the service of a single one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy

from blocklist.models import Ban, bannable_by, banned
from customers.models import Job, User
from customers.services.customer_jobs import BulkKind

from .ban_requests import request_ban
from .bans import ban_purchases, lift_bans
from .open_orders import KEEP_ALL

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


class BanPurchases(BulkKind):
    """Parameters: `type`, `note`, `until`, an ISO moment or empty for without end, and `open_orders`, keep or hold."""

    name = "ban_purchases"
    label = gettext_lazy("Ban purchase")
    refusals = {
        "not_yours": gettext_lazy("only the customer's exclusive agent or a manager may ban"),
        "standing": gettext_lazy("is banned already"),
    }

    approve_permission = "blocklist.ban_any_customer"

    def needs_approval(self, job: Job, *, by: User, at: datetime) -> bool:
        allowed = self.allowed(job, by=by, at=at).order_by().values("pk")
        return bool(allowed[settings.BANS_AT_ONCE : settings.BANS_AT_ONCE + 1])

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        return {
            "not_yours": customers.exclude(pk__in=bannable_by(by, at=at).values("pk")),
            "standing": banned(customers, at=at),
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        asked = job.parameters
        until = parse_datetime(asked["until"]) if asked["until"] else None
        chosen = {
            "type": asked["type"],
            "note": asked["note"],
            "open_orders": asked.get("open_orders", KEEP_ALL.others),
        }
        ban_purchases(customers, **chosen, until=until, by=by, at=at, job=job)

    def describe(self, job: Job) -> str:
        type_ = job.parameters.get("type")
        return f"{self.label}: {Ban.Type(type_).label}" if type_ in Ban.Type.values else str(self.label)


class RequestBans(BulkKind):
    """Asks for each by a request of its own, as one would one by one, so for at most BANS_AT_ONCE.

    Parameters: `type`, `note`, `days` (None: without end).
    """

    name = "request_bans"
    label = gettext_lazy("Request a ban")
    refusals = {
        "standing": gettext_lazy("is banned already"),
        "may_ban": gettext_lazy("you may ban yourself; nobody has to be asked"),
        "too_many": gettext_lazy("too many to ask for at once: each request is decided by itself"),
    }

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        standing, may_ban = banned(customers, at=at), bannable_by(by, at=at)
        asked = customers.exclude(pk__in=standing.values("pk")).exclude(pk__in=may_ban.values("pk"))
        is_too_many = asked.order_by().values("pk")[settings.BANS_AT_ONCE : settings.BANS_AT_ONCE + 1]
        return {
            "standing": standing,
            "may_ban": customers.filter(pk__in=may_ban.values("pk")),
            "too_many": customers if is_too_many else customers.none(),
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        asked = {name: job.parameters[name] for name in ("type", "note", "days")}
        for customer in customers.select_related("agent").order_by("pk"):  # BANS_AT_ONCE at most
            request_ban(customer, **asked, by=by, at=at)


class LiftBans(BulkKind):
    """Parameters: `reason`."""

    name = "lift_bans"
    label = gettext_lazy("Lift ban")
    refusals = {
        "not_banned": gettext_lazy("is not banned"),
        "by_manager": gettext_lazy("a manager set or confirmed this ban, so only a manager lifts it"),
        "not_yours": gettext_lazy("only the customer's exclusive agent or a manager lifts the ban"),
    }

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        standing = Ban.objects.standing(at).filter(customer=OuterRef("pk"))
        not_liftable = customers.exclude(Exists(standing.liftable_by(by, at=at)))
        return {
            "not_banned": customers.exclude(Exists(standing)),
            "by_manager": not_liftable.filter(Exists(standing.decided_by_manager())),
            "not_yours": not_liftable,
        }

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        lift_bans(customers, reason=job.parameters["reason"], by=by, at=at, job=job)


KINDS: tuple[type[BulkKind], ...] = (BanPurchases, RequestBans, LiftBans)

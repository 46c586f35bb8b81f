from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer

from .broadcast import Broadcast


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> DeliveryQuerySet:
        return self.filter(state=Delivery.State.WAITING)

    def lapsed(self, at: datetime) -> DeliveryQuerySet:
        """Claimed until a time that has come: the worker died or stalled too long, or a server has put the row off."""
        return self.filter(state=Delivery.State.CLAIMED, lease_until__lte=at)

    def held_by(self, token: str) -> DeliveryQuerySet:
        """Still claimed under this token: settling a row, or claiming it again, takes the token away."""
        return self.filter(token=token)

    def some(self, count: int) -> DeliveryQuerySet | None:
        """At most so many of these rows, named by their ids, so that changing them leaves the set as it is.

        None where there are none. They are planned in stretches, so that two ids mostly name them all.
        """
        ids = sorted(self.values_list("pk", flat=True)[:count])
        if not ids:
            return None
        named = Delivery.objects.all()
        is_stretch = ids[-1] - ids[0] == len(ids) - 1
        return named.filter(pk__gte=ids[0], pk__lte=ids[-1]) if is_stretch else named.filter(pk__in=ids)

    def open(self) -> DeliveryQuerySet:
        return self.filter(state__in=[Delivery.State.WAITING, Delivery.State.CLAIMED])


class Delivery(models.Model):
    """One line of the ledger (发送明细): one customer in one broadcast, what happened and why."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        CLAIMED = "claimed", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        EXCLUDED = "excluded", _("excluded")

    class Reason(models.TextChoices):
        NONE = "", ""
        BANNED = "banned", _("banned")
        LINKED = "linked", _("linked to a banned customer")
        BAN_WAITS = "ban_waits", _("ban waits for approval")
        OPTED_OUT = "opted_out", _("opted out")
        NO_ACCOUNT = "no_account", _("no account")
        NO_ADDRESS = "no_address", _("no address")
        BAD_ADDRESS = "bad_address", _("bad address")
        LATER = "later", _("put off by the receiving server")
        ERROR = "error", _("error of the channel")

    broadcast = models.ForeignKey(
        Broadcast,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("broadcast"),
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, blank=True)
    token = models.CharField(_("token"), max_length=32, null=True, editable=False)  # noqa: DJ001  (for its index)
    lease_until = models.DateTimeField(_("lease until"), null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    planned_at = models.DateTimeField(_("planned"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["broadcast", "customer"],
                name="delivery_once",
                violation_error_message=_("This customer is already in this broadcast."),
            ),
        ]
        indexes = [
            # the claim, the ledger and its counts: a broadcast's rows by state and reason
            models.Index(fields=["broadcast", "state", "reason"], name="delivery_ledger"),
            # what a worker holds; IS NOT NULL is the one condition that SQLite recognises behind a bound parameter
            models.Index(fields=["token"], condition=Q(token__isnull=False), name="delivery_token"),
            # why did this customer not get it
            models.Index(fields=["customer", "-id"], name="delivery_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .order import Order

if TYPE_CHECKING:
    from .user import User


class OrderHoldQuerySet(models.QuerySet["OrderHold"]):
    def open(self) -> OrderHoldQuerySet:
        """Those that wait for a decision: the orders to review."""
        return self.filter(decided_at__isnull=True)

    def overdue(self, at: datetime) -> OrderHoldQuerySet:
        """Those that nobody has decided on in time (setting ORDERS_HELD_FOR; zero: there is no such time)."""
        if not settings.ORDERS_HELD_FOR:
            return self.none()
        return self.open().filter(held_at__lte=at - settings.ORDERS_HELD_FOR)

    def visible_to(self, user: User) -> OrderHoldQuerySet:
        """Those of orders that this staff user sees."""
        return self.filter(order__in=Order.objects.visible_to(user))


class OrderHold(models.Model):
    """An order that waits for a person's review (暂缓), and what became of it. The order's status is held meanwhile."""

    class Outcome(models.TextChoices):
        RELEASED = "released", pgettext_lazy("order", "released")
        OVERDUE = "overdue", pgettext_lazy("order", "released, because nobody decided in time")
        CLOSED = "closed", pgettext_lazy("order", "closed")
        TOLD = "told", pgettext_lazy("order", "settled by the source")

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="holds", verbose_name=_("order"))
    # A code of the gate's, or of the ban that held it.
    code = models.CharField(_("why"), max_length=40)
    # What the order is again when it is released.
    status_before = models.CharField(_("status before"), max_length=10, choices=Order.Status.choices)
    held_at = models.DateTimeField(_("held"))
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("held by"),
        help_text=_("Empty: the purchase gate."),
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    reason = models.CharField(_("reason of the decision"), max_length=200, blank=True)

    objects = OrderHoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("order to review")
        verbose_name_plural = _("orders to review")
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(decided_at__isnull=True),
                name="order_hold_one_open",
                violation_error_message=_("This order is held already."),
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, outcome="") | (Q(decided_at__isnull=False) & ~Q(outcome="")),
                name="order_hold_outcome_when_decided",
                violation_error_message=_("A hold has an outcome when it is decided."),
            ),
        ]
        indexes = [
            # what waits, the oldest first
            models.Index(fields=["held_at"], condition=Q(decided_at__isnull=True), name="order_hold_open"),
        ]
        permissions = [
            ("review_order", _("May release and close held orders of the customers he serves")),
            ("review_any_order", _("May release and close any held order")),
            ("refund_order", _("May close a paid order with a refund")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_orderhold_change", args=[self.pk])

    def released_at(self) -> datetime | None:
        """When it is released by itself unless somebody decides before; None where it waits for as long as it takes."""
        return self.held_at + settings.ORDERS_HELD_FOR if settings.ORDERS_HELD_FOR else None

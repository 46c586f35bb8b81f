from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .customer import Customer, changes_all, sees_all
from .import_run import Imported
from .product import Product
from .source import Source

if TYPE_CHECKING:
    from .user import User


class OrderQuerySet(models.QuerySet["Order"]):
    def flagged(self, flags: Collection[int]) -> OrderQuerySet:
        """Those with one of these flags; by the index where grey, which most have, is not among them."""
        flagged = self.filter(flag__in=flags)
        return flagged if Order.Flag.GREY in flags else flagged.filter(flag__gt=0)

    def successful(self) -> OrderQuerySet:
        """Successful trades (交易成功)."""
        return self.filter(status=Order.Status.DONE)

    def closed(self) -> OrderQuerySet:
        """Closed trades (交易关闭)."""
        return self.filter(status=Order.Status.CLOSED)

    def open(self) -> OrderQuerySet:
        """Those that wait for payment, for sending or for review."""
        return self.filter(status__in=Order.OPEN)

    def holdable(self) -> OrderQuerySet:
        """Those that can be held for review: unpaid ones, and paid ones that are not sent."""
        return self.filter(status__in=Order.HOLDABLE)

    def visible_to(self, user: User) -> OrderQuerySet:
        """Orders of the customers whom this staff user sees, and of unidentified buyers."""
        return self if sees_all(user) else self._served_now_by(user)

    def editable_by(self, user: User) -> OrderQuerySet:
        """Orders whose flag and memo this staff user may change: his customers', and those of unidentified buyers."""
        if not user.has_perms(["customers.change_order", "customers.change_customer"]):
            return self.none()
        return self if changes_all(user) else self._served_now_by(user)

    def reviewable_by(self, user: User, *, at: datetime) -> OrderQuerySet:
        """Orders that this staff user may release or close while they are held.

        A lead and a manager any; an agent, and who stands in for him, those of the customers whom he serves.
        """
        if user.has_perm("customers.review_any_order"):
            return self
        if user.has_perm("customers.review_order"):
            return self.filter(customer__in=Customer.objects.served_now_by(user, at=at))
        return self.none()

    def _served_now_by(self, user: User) -> OrderQuerySet:
        return self.filter(Q(customer=None) | Q(customer__in=Customer.objects.served_now_by(user)))


class Order(Imported):
    """An order of one source. The customer is empty where the source does not say who bought."""

    class Status(models.TextChoices):
        UNPAID = "unpaid", _("waiting for payment")
        PAID = "paid", _("paid")
        HELD = "held", _("held for review")
        SENT = "sent", pgettext_lazy("order", "sent")
        DONE = "done", _("done")
        CLOSED = "closed", _("closed")

    class Flag(models.IntegerChoices):
        GREY = 0, _("grey")
        RED = 1, _("red")
        YELLOW = 2, _("yellow")
        GREEN = 3, _("green")
        BLUE = 4, _("blue")
        PURPLE = 5, _("purple")

    HOLDABLE = (Status.UNPAID, Status.PAID)
    OPEN = (*HOLDABLE, Status.HELD)

    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )
    number = models.CharField(_("order number"), max_length=64)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("customer"),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.UNPAID)
    close_reason = models.CharField(_("reason for closing"), max_length=200, blank=True)
    amount = models.DecimalField(
        _("amount"), max_digits=12, decimal_places=2, default=0, help_text=_("What the buyer is to pay, with postage.")
    )
    postage = models.DecimalField(_("postage"), max_digits=12, decimal_places=2, default=0)
    paid_amount = models.DecimalField(_("amount paid"), max_digits=12, decimal_places=2, default=0)
    ordered_at = models.DateTimeField(_("ordered"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    buyer_message = models.TextField(_("buyer's message"), blank=True)
    memo = models.TextField(_("seller's memo"), blank=True)
    flag = models.PositiveSmallIntegerField(_("flag"), choices=Flag.choices, default=Flag.GREY)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "number"],
                name="order_number_per_source",
                violation_error_message=_("This source already has an order with this number."),
            ),
            models.CheckConstraint(
                condition=Q(status="closed") | Q(close_reason=""),
                name="order_close_reason_only_when_closed",
                violation_error_message=_("Only a closed order has a reason for closing."),
            ),
        ]
        indexes = [
            # the search box: by number without a source
            models.Index(fields=["number"], name="order_number"),
            # a customer's orders, and his trade figures by status
            models.Index(fields=["customer", "status"], name="order_customer_status"),
            # a customer's last orders, and his timeline
            models.Index(fields=["customer", "-ordered_at", "-id"], name="order_customer"),
            # the customers with an order of this flag; most orders have none
            models.Index(fields=["flag", "customer"], condition=Q(flag__gt=0), name="order_flag"),
            # the order list, newest first
            models.Index(fields=["-ordered_at", "-id"], name="order_ordered_at"),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_order_change", args=[self.pk])


class OrderLine(Imported):
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, db_index=False, related_name="lines", verbose_name=_("order")
    )
    line_number = models.PositiveIntegerField(_("line"))
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="order_lines", verbose_name=_("product")
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    quantity = models.PositiveIntegerField(_("pieces"), default=1)
    price = models.DecimalField(_("price of a piece"), max_digits=12, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "line_number"],
                name="order_line_once",
                violation_error_message=_("This order already has a line with this number."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.line_number}"


class Refund(Imported):
    """Money that went back, or is asked back, on an order."""

    class Status(models.TextChoices):
        ASKED = "asked", _("asked")
        PAID = "paid", _("paid back")
        REFUSED = "refused", _("refused")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, db_index=False, related_name="refunds", verbose_name=_("order")
    )
    number = models.CharField(_("refund number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.ASKED)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    asked_at = models.DateTimeField(_("asked at"))
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "number"],
                name="refund_once",
                violation_error_message=_("This order already has a refund with this number."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Customer

from .ban import Ban, MaliciousType, bannable_by

if TYPE_CHECKING:
    from customers.models import User


def _seconded(user: User) -> models.QuerySet[Any, Any]:
    return BanRequest.seconded_by.through.objects.filter(user=user).values("banrequest")


class BanRequestQuerySet(models.QuerySet["BanRequest"]):
    def open(self) -> BanRequestQuerySet:
        """Those that wait for a decision."""
        return self.filter(state=BanRequest.State.OPEN)

    def unanswered_since(self, moment: datetime) -> BanRequestQuerySet:
        """Open, and shown to the same person since then or longer."""
        return self.open().filter(shown_at__lte=moment)

    def asked_by(self, user: User) -> BanRequestQuerySet:
        """Those that he filed, or joined with a note of his own."""
        return self.filter(Q(by=user) | Q(pk__in=_seconded(user)))

    def visible_to(self, user: User) -> BanRequestQuerySet:
        """Those about customers whom he sees, and his own: who asked may read what became of it."""
        about_seen = Q(customer__in=Customer.objects.visible_to(user))
        return self.filter(about_seen | Q(by=user) | Q(pk__in=_seconded(user)))

    def about_bannable_by(self, user: User, *, at: datetime) -> BanRequestQuerySet:
        """Those that he may decide, his own aside: about customers whom he may ban."""
        return self.filter(customer__in=bannable_by(user, at=at).values("pk"))


class BanRequest(models.Model):
    """Somebody who may not ban asks those who may (申请禁止购买). It ends with a decision, never in silence."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("ban request", "open")
        APPROVED = "approved", pgettext_lazy("ban request", "approved")
        DECLINED = "declined", pgettext_lazy("ban request", "declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("ban request", "withdrawn")
        OVERTAKEN = "overtaken", pgettext_lazy("ban request", "banned otherwise")

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    type = models.CharField(_("type"), max_length=20, choices=MaliciousType.choices)
    note = models.TextField(_("note"), blank=True)
    days = models.PositiveIntegerField(
        _("days"), null=True, blank=True, help_text=_("For so long from the decision on; empty: without end.")
    )
    rule = models.CharField(_("filed by the rule"), max_length=60, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked by"),
    )
    seconded_by = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name=_("asked for by others too")
    )
    created_at = models.DateTimeField(_("asked"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)

    # Whom it was shown to last, and since when; unanswered it goes on to the next manager.
    shown_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("shown to"),
    )
    shown_at = models.DateTimeField(_("shown since"))

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
    is_decided_alone = models.BooleanField(
        _("decided alone"), default=False, help_text=_("By whoever asked, because nobody else has the right.")
    )
    ban = models.ForeignKey(
        Ban, on_delete=models.PROTECT, null=True, blank=True, related_name="requests", verbose_name=_("ban")
    )

    objects = BanRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("ban request")
        verbose_name_plural = _("ban requests")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(state="open"),
                name="ban_request_one_open",
                violation_error_message=_("A ban of this customer is requested already."),
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="ban_request_open_until_decided",
                violation_error_message=_("A request is open until it is decided."),
            ),
            models.CheckConstraint(
                condition=Q(by__isnull=False) | ~Q(rule=""),
                name="ban_request_names_who_asked",
                violation_error_message=_("A request names the person or the rule that asked."),
            ),
        ]
        indexes = [
            # a customer's requests, the latest first
            models.Index(fields=["customer", "-created_at"], name="ban_request_customer"),
            # what waits too long
            models.Index(fields=["shown_at"], condition=Q(state="open"), name="ban_request_open"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_banrequest_change", args=[self.pk])

    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    def is_overdue(self, at: datetime) -> bool:
        """Whether nobody has answered it within the time that the first person had."""
        return self.is_open() and self.created_at + settings.BAN_REQUEST_SHOWN_FOR <= at

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Customer


class AccountLink(models.Model):
    """Two customers who may be one person. Proposed with its reasons; a person confirms or denies it.

    A ban follows confirmed links. What was denied is not proposed again. `first` has the smaller id.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", pgettext_lazy("account link", "proposed")
        CONFIRMED = "confirmed", pgettext_lazy("account link", "confirmed")
        DENIED = "denied", pgettext_lazy("account link", "denied")

    first = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    second = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", verbose_name=_("other customer"))
    # Codes of what they share (phone, email, address, name …), the strongest first.
    reasons = models.JSONField(_("reasons"), default=list)
    confidence = models.PositiveSmallIntegerField(_("confidence"), help_text=_("In percent."))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PROPOSED)
    found_at = models.DateTimeField(_("found"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("account link")
        verbose_name_plural = _("account links")
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second"],
                name="account_link_once",
                violation_error_message=_("These two are linked already."),
            ),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")),
                name="account_link_of_two",
                violation_error_message=_("A link is between two customers, the earlier one first."),
            ),
        ]
        indexes = [
            # what waits for a decision, the surest first
            models.Index(fields=["-confidence", "id"], condition=Q(state="proposed"), name="account_link_proposed"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class LinkMember(models.Model):
    """Who belongs together by confirmed links, however long the chain: all of one `cluster` are one person.

    Kept by the service that confirms and denies links; the cluster is the smallest id among its customers.
    """

    customer = models.OneToOneField(
        Customer, on_delete=models.PROTECT, primary_key=True, related_name="+", verbose_name=_("customer")
    )
    cluster = models.BigIntegerField(_("cluster"), db_index=True)

    class Meta:
        verbose_name = _("linked customer")
        verbose_name_plural = _("linked customers")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

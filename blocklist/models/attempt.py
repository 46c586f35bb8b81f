from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.gates import Door
from customers.models import ApiKey, Customer, Source

from .ban import Ban
from .watch import Watch


class Attempt(models.Model):
    """What the purchase gate did not simply allow (拦截记录): a refusal, a review, or an order bought despite a ban.

    It tells which identifiers were given, never their values.
    """

    class Outcome(models.TextChoices):
        REFUSED = "refuse", pgettext_lazy("attempt", "refused")
        REVIEW = "review", pgettext_lazy("attempt", "held for review")
        DESPITE = "despite", _("bought despite the ban")

    at = models.DateTimeField(_("at"), db_index=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    code = models.CharField(_("code"), max_length=40)
    door = models.CharField(_("asked by"), max_length=10, choices=Door.choices)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    # The entry that hit: a ban (his own, or that of a customer he is linked to or shares an identifier with), a watch.
    ban = models.ForeignKey(
        Ban, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("ban")
    )
    watch = models.ForeignKey(
        Watch, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("watch")
    )
    # Who asked.
    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("key")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    identifiers = models.JSONField(_("named by"), default=list)
    order_number = models.CharField(_("order number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = _("refused attempt")
        verbose_name_plural = _("refused attempts")
        indexes = [
            # a customer's attempts
            models.Index(fields=["customer", "-at"], name="attempt_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

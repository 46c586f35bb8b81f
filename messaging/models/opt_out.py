from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer


class OptOutQuerySet(models.QuerySet["OptOut"]):
    def standing(self) -> OptOutQuerySet:
        return self.filter(ended_at__isnull=True)

    def against(self, channel: str) -> OptOutQuerySet:
        """Those that keep a broadcast on this channel from the customer."""
        return self.standing().filter(channel__in=["", channel])


class OptOut(models.Model):
    """A customer's own no (退订) to broadcasts, on one channel or on all. Messages about his orders are not meant.

    No edit by the staff and no import ends one, or sends in spite of it.
    """

    class Source(models.TextChoices):
        LINK = "link", _("the link in a message")
        STAFF = "staff", _("told to the staff")
        API = "api", _("API")

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=20, blank=True, help_text=_("Empty: all channels."))
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    at = models.DateTimeField(_("at"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = OptOutQuerySet.as_manager()

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")
        constraints = [
            # serves the claim as well: has this customer opted out
            models.UniqueConstraint(
                fields=["customer", "channel"],
                condition=Q(ended_at__isnull=True),
                name="opt_out_once",
                violation_error_message=_("This customer has opted out already."),
            ),
        ]
        indexes = [
            # a customer's timeline
            models.Index(fields=["customer", "-at"], name="opt_out_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

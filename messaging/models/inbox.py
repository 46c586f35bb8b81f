from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Customer

from .broadcast import Broadcast


class InboxMessage(models.Model):
    """A message that the storefront shows to a customer. Its text is the broadcast's, filled in when it is read."""

    broadcast = models.ForeignKey(
        Broadcast, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("broadcast")
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    sent_at = models.DateTimeField(_("sent"))
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    class Meta:
        verbose_name = _("inbox message")
        verbose_name_plural = _("inbox messages")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "broadcast"],
                name="inbox_message_once",
                violation_error_message=_("This customer already has this message."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Order

from .ban import Ban


class OrderChoice(models.Model):
    """What was decided about an order that was open when its buyer was banned. Written with the ban, never changed."""

    class Choice(models.TextChoices):
        KEEP = "keep", _("keep: it goes on")
        HOLD = "hold", _("hold for review")
        CLOSE = "close", _("close")
        REFUND = "refund", _("close with a refund")

    ban = models.ForeignKey(
        Ban, on_delete=models.PROTECT, db_index=False, related_name="order_choices", verbose_name=_("ban")
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", verbose_name=_("order"))
    choice = models.CharField(_("choice"), max_length=10, choices=Choice.choices)

    class Meta:
        verbose_name = _("open order at a ban")
        verbose_name_plural = _("open orders at bans")
        constraints = [
            models.UniqueConstraint(
                fields=["ban", "order"],
                name="order_choice_once",
                violation_error_message=_("About this order was decided already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .agent import Agent
from .inquiry import Inquiry


class InquiryRouting(models.Model):
    """One decision about who has an inquiry, with what led to it as it was then. Never edited."""

    class PassedOver(models.TextChoices):
        """Why an agent did not get it."""

        SUSPENDED = "suspended", pgettext_lazy("passed over", "suspended")
        OFFLINE = "offline", pgettext_lazy("passed over", "offline")
        FULL = "full", pgettext_lazy("passed over", "has no room")
        MUTED = "muted", pgettext_lazy("passed over", "muted the customer")
        LEFT = "left", pgettext_lazy("passed over", "takes no customers")

    inquiry = models.ForeignKey(
        Inquiry, on_delete=models.PROTECT, db_index=False, related_name="routings", verbose_name=_("inquiry")
    )
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("agent")
    )
    reason = models.CharField(_("why this agent"), max_length=30, choices=Inquiry.Reason.choices)
    # The agent whose turn it was, and the deputy after him, where they did not get it.
    passed_over = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("passed over")
    )
    passed_reason = models.CharField(_("why passed over"), max_length=10, choices=PassedOver.choices, blank=True)
    passed_until = models.DateTimeField(_("away until"), null=True)
    deputy = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("deputy")
    )
    deputy_reason = models.CharField(_("why not the deputy"), max_length=10, choices=PassedOver.choices, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("routing of an inquiry")
        verbose_name_plural = _("routings of inquiries")
        indexes = [
            # an inquiry's way, in its order
            models.Index(fields=["inquiry", "id"], name="inquiry_routing_order"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

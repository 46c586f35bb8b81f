from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .agent import Agent
from .customer import Customer


class Binding(models.Model):
    """One stretch of time in which a customer belonged to an agent (专属关系). Never edited but for its end."""

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="bindings", verbose_name=_("customer")
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="bindings", verbose_name=_("agent"))
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(ended_at__isnull=True),
                name="binding_one_open",
                violation_error_message=_("This customer already has an exclusive agent."),
            ),
        ]
        indexes = [
            # whose binding began lately
            models.Index(fields=["started_at"], condition=Q(ended_at__isnull=True), name="binding_running"),
            # a customer's history and timeline
            models.Index(fields=["customer", "-started_at", "-id"], name="binding_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

# Inquiries that run with an agent: a waiting one has none.
RUNNING = Count("inquiries", filter=Q(inquiries__state__in=["new", "open"]))


class AgentQuerySet(models.QuerySet["Agent"]):
    def here(self) -> AgentQuerySet:
        """Online or suspended: they keep the inquiries that they have."""
        return self.filter(is_active=True, user__is_active=True).exclude(status=Agent.Status.OFFLINE)

    def online(self) -> AgentQuerySet:
        """Who gets new inquiries."""
        return self.here().filter(status=Agent.Status.ONLINE)

    def with_running_inquiries(self) -> AgentQuerySet:
        """Adds `running_count`, by its index alone."""
        return self.annotate(running_count=RUNNING)

    def least_busy(self) -> Agent | None:
        """Who has the fewest running inquiries; of several, who came to the shop first."""
        return self.alias(load=RUNNING).order_by("load", "pk").first()


class Agent(models.Model):
    """The profile of a staff user who serves customers (客服)."""

    class Status(models.TextChoices):
        ONLINE = "online", _("online")
        SUSPENDED = "suspended", _("suspended")
        OFFLINE = "offline", _("offline")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent", verbose_name=_("user")
    )
    display_name = models.CharField(_("display name"), max_length=60, help_text=_("The name that buyers see."))
    status = models.CharField(_("agent status"), max_length=10, choices=Status.choices, default=Status.OFFLINE)
    is_active = models.BooleanField(_("takes customers"), default=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")

    def __str__(self) -> str:
        return self.display_name

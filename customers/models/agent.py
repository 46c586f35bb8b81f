from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")

    def __str__(self) -> str:
        return self.display_name

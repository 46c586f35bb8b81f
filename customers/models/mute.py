from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .agent import Agent
from .customer import Customer

if TYPE_CHECKING:
    from .user import User


class MuteQuerySet(models.QuerySet["Mute"]):
    def open(self) -> MuteQuerySet:
        """Not ended by anybody. One that is past its end may still be open: nothing has to run at that moment."""
        return self.filter(ended_at__isnull=True)

    def standing(self, at: datetime) -> MuteQuerySet:
        """In force at that moment."""
        return self.open().filter(until__gt=at)

    def run_out(self, at: datetime) -> MuteQuerySet:
        """Open, but past their end."""
        return self.open().filter(until__lte=at)

    def visible_to(self, user: User) -> MuteQuerySet:
        """A lead and a manager see every mute, an agent his own."""
        return self if user.has_perm("customers.unmute_any_customer") else self.filter(agent__user=user)


class Mute(models.Model):
    """One agent no longer receives one customer (不接待此人). Never deleted; it ends by itself, or somebody ends it."""

    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, db_index=False, related_name="mutes", verbose_name=_("agent")
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="mutes", verbose_name=_("customer"))
    reason = models.CharField(_("reason"), max_length=200)
    started_at = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )
    # When the leads were asked to hand the customer over, because the end is near.
    leads_asked_at = models.DateTimeField(_("leads asked"), null=True, editable=False)

    objects = MuteQuerySet.as_manager()

    class Meta:
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "customer"],
                condition=Q(ended_at__isnull=True),
                name="mute_one_open",
                violation_error_message=_("This agent has muted this customer already."),
            ),
            models.CheckConstraint(
                condition=Q(until__gt=F("started_at")),
                name="mute_ends_after_it_starts",
                violation_error_message=_("A mute ends after it starts."),
            ),
        ]
        permissions = [("unmute_any_customer", _("May see every mute and end it"))]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def is_standing(self, at: datetime) -> bool:
        return self.ended_at is None and self.until > at

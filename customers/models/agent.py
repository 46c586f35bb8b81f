from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from .customer import Customer, CustomerQuerySet
    from .user import User

# Inquiries that run with an agent: a waiting one has none.
RUNNING = Count("inquiries", filter=Q(inquiries__state__in=["new", "open"]))


def _bound() -> CustomerQuerySet:
    from .customer import Customer  # noqa: PLC0415  (a customer knows his agent; this goes the other way)

    return Customer.objects.unmerged().filter(agent=OuterRef("pk"))


def _count(customers: models.QuerySet[Customer]) -> Coalesce:
    counted = customers.order_by().values("agent").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)


class AgentQuerySet(models.QuerySet["Agent"]):
    def serving(self) -> AgentQuerySet:
        """Who takes customers at all."""
        return self.filter(is_active=True, user__is_active=True)

    def here(self) -> AgentQuerySet:
        """Online or suspended: they keep the inquiries that they have."""
        return self.serving().exclude(status=Agent.Status.OFFLINE)

    def online(self, at: datetime) -> AgentQuerySet:
        """Who gets new inquiries: also who was suspended until a moment that has come."""
        back = Q(status=Agent.Status.SUSPENDED, status_until__lte=at)
        return self.here().filter(Q(status=Agent.Status.ONLINE) | back)

    def idle_since(self, moment: datetime) -> AgentQuerySet:
        """Here by their status, but not seen in the panel since. Who said when he is back is not waited for before."""
        back = Q(status=Agent.Status.SUSPENDED, status_until__isnull=False)
        unchanged = Q(status_since__isnull=True) | Q(status_since__lt=moment)
        return self.here().filter(unchanged, last_active_at__lt=moment).exclude(back)

    def receptive_to(self, customer: Customer, *, at: datetime) -> AgentQuerySet:
        """Who did not mute this customer."""
        from .mute import Mute  # noqa: PLC0415  (a mute knows its agent; this question goes the other way)

        return self.exclude(Exists(Mute.objects.standing(at).filter(agent=OuterRef("pk"), customer=customer)))

    def with_room(self) -> AgentQuerySet:
        """Who has fewer running inquiries than he takes at once."""
        return self.alias(load=RUNNING).filter(Q(capacity__isnull=True) | Q(load__lt=F("capacity")))

    def with_running_inquiries(self) -> AgentQuerySet:
        """Adds `running_count`, by its index alone."""
        return self.annotate(running_count=RUNNING)

    def with_customers(self) -> AgentQuerySet:
        """Adds `customer_count`."""
        return self.annotate(customer_count=_count(_bound()))

    def with_active_customers(self, *, since: datetime) -> AgentQuerySet:
        """Adds `active_count`: his customers who bought or asked since. It looks at each of them."""
        return self.annotate(active_count=_count(_bound().active_since(since)))

    def least_busy(self) -> Agent | None:
        """Who has the fewest running inquiries; of several, who came to the shop first."""
        return self.alias(load=RUNNING).order_by("load", "pk").first()


class Agent(models.Model):
    """The profile of a staff user who serves customers (客服)."""

    class Status(models.TextChoices):
        ONLINE = "online", _("online")
        SUSPENDED = "suspended", _("suspended")
        OFFLINE = "offline", _("offline")

    class Cause(models.TextChoices):
        """What set the status."""

        BY_HAND = "by_hand", pgettext_lazy("agent status", "by hand")
        FULL = "full", pgettext_lazy("agent status", "as many running inquiries as he suspends himself at")
        FREED = "freed", pgettext_lazy("agent status", "fewer running inquiries again")
        TIME = "time", pgettext_lazy("agent status", "the planned end has come")
        IDLE = "idle", pgettext_lazy("agent status", "not seen in the panel for too long")
        LEFT = "left", pgettext_lazy("agent status", "takes no customers any more")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent", verbose_name=_("user")
    )
    display_name = models.CharField(_("display name"), max_length=60, help_text=_("The name that buyers see."))
    status = models.CharField(_("agent status"), max_length=10, choices=Status.choices, default=Status.OFFLINE)
    status_cause = models.CharField(
        _("set by"), max_length=10, choices=Cause.choices, default=Cause.BY_HAND, editable=False
    )
    status_reason = models.CharField(_("reason"), max_length=100, blank=True)
    status_until = models.DateTimeField(_("planned end"), null=True, blank=True)
    status_since = models.DateTimeField(_("since"), null=True, editable=False)
    last_active_at = models.DateTimeField(_("last seen in the panel"), null=True, editable=False)
    capacity = models.PositiveSmallIntegerField(
        _("capacity"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The most inquiries at once that reception gives to this agent. Empty: no limit."),
    )
    suspend_at = models.PositiveSmallIntegerField(
        _("suspends at"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("With so many running inquiries the agent is suspended until there are fewer. Empty: never."),
    )
    is_active = models.BooleanField(_("takes customers"), default=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")

    def __str__(self) -> str:
        return self.display_name

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_agent_change", args=[self.pk])

    def status_at(self, at: datetime) -> Agent.Status:
        """The status at that moment: a suspension is over at its planned end, whether or not somebody wrote it down.

        Who is offline comes back by himself; his planned end only tells the others when.
        """
        is_over = self.status == self.Status.SUSPENDED and self.status_until is not None and self.status_until <= at
        return self.Status.ONLINE if is_over else self.Status(self.status)

    def until_at(self, at: datetime) -> datetime | None:
        """When the status is planned to end, where that is still to come."""
        return self.status_until if self.status_until is not None and self.status_until > at else None


class AgentStatusChangeQuerySet(models.QuerySet["AgentStatusChange"]):
    def of(self, agent: Agent) -> AgentStatusChangeQuerySet:
        return self.filter(agent=agent)


class AgentStatusChange(models.Model):
    """A line of the log of an agent's statuses. Never edited."""

    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, db_index=False, related_name="status_changes", verbose_name=_("agent")
    )
    status = models.CharField(_("agent status"), max_length=10, choices=Agent.Status.choices)
    cause = models.CharField(_("set by"), max_length=10, choices=Agent.Cause.choices)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    until = models.DateTimeField(_("planned end"), null=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"))

    objects = AgentStatusChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of an agent's status")
        verbose_name_plural = _("changes of agents' statuses")
        indexes = [
            # an agent's log, the newest first
            models.Index(fields=["agent", "-id"], name="agent_status_change_agent"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def is_automatic(self) -> bool:
        return self.cause != Agent.Cause.BY_HAND


class DeputyshipQuerySet(models.QuerySet["Deputyship"]):
    def in_force(self, at: datetime | models.Expression) -> DeputyshipQuerySet:
        """Approved by a manager, within its dates, and not ended."""
        return self.filter(approved_at__isnull=False, ended_at__isnull=True, starts_at__lte=at, ends_at__gt=at)

    def not_over(self, at: datetime) -> DeputyshipQuerySet:
        """Proposed or approved, running or still to come."""
        return self.filter(ended_at__isnull=True, ends_at__gt=at)

    def proposed(self, at: datetime) -> DeputyshipQuerySet:
        """What waits for a manager."""
        return self.not_over(at).filter(approved_at__isnull=True)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> DeputyshipQuerySet:
        return self.filter(ended_at__isnull=True, starts_at__lt=ends_at, ends_at__gt=starts_at)

    def of_deputy(self, user: User) -> DeputyshipQuerySet:
        return self.filter(deputy__user=user)


class Deputyship(models.Model):
    """Who receives an agent's customers while he is away (代班客服), within dates that a manager approved."""

    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, related_name="deputyships", verbose_name=pgettext_lazy("deputyship", "agent")
    )
    deputy = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", verbose_name=_("deputy"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed"))
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("approved by")
    )
    approved_at = models.DateTimeField(_("approved"), null=True)
    is_decided_alone = models.BooleanField(_("decided alone"), default=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = DeputyshipQuerySet.as_manager()

    class Meta:
        verbose_name = _("deputyship")
        verbose_name_plural = _("deputyships")
        constraints = [
            models.CheckConstraint(
                condition=~Q(agent=F("deputy")),
                name="deputyship_of_somebody_else",
                violation_error_message=_("Nobody is his own deputy."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="deputyship_ends_after_it_starts",
                violation_error_message=_("The last day is not before the first."),
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="deputyship_approved_by_somebody",
                violation_error_message=_("An approval names who gave it."),
            ),
        ]
        permissions = [("approve_deputyship", _("May approve who stands in for an agent"))]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

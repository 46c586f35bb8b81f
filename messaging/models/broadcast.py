from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Agent, Customer, Group, Product
from messaging.rendering import check_placeholders

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet
    from customers.models.product import ProductQuerySet


class BroadcastQuerySet(models.QuerySet["Broadcast"]):
    def drafts(self) -> BroadcastQuerySet:
        return self.filter(state=Broadcast.State.DRAFT)

    def started(self) -> BroadcastQuerySet:
        return self.exclude(state=Broadcast.State.DRAFT)

    def to_plan(self) -> BroadcastQuerySet:
        return self.filter(state=Broadcast.State.PLANNING)

    def to_send(self) -> BroadcastQuerySet:
        return self.filter(state=Broadcast.State.SENDING)

    def rested(self, at: datetime) -> BroadcastQuerySet:
        """Not waiting for a provider that could not be reached."""
        return self.filter(Q(not_before__isnull=True) | Q(not_before__lte=at))

    def moving(self) -> BroadcastQuerySet:
        return self.filter(state__in=[Broadcast.State.PLANNING, Broadcast.State.SENDING])

    def with_counts(self) -> BroadcastQuerySet:
        """Adds `waiting_count`, `sent_count`, `excluded_count`, `failed_count`: deliveries, by their index alone.

        They add up to all that are planned; each row of the ledger is passed once.
        """
        deliveries = apps.get_model("messaging", "Delivery")._default_manager.filter(broadcast=OuterRef("pk"))

        def count(*states: str) -> Coalesce:
            of_one = deliveries.filter(state__in=states).order_by().values("broadcast")
            return Coalesce(Subquery(of_one.annotate(count=Count("pk")).values("count")), 0)

        return self.annotate(
            waiting_count=count("waiting", "claimed"),
            sent_count=count("sent"),
            excluded_count=count("excluded"),
            failed_count=count("failed"),
        )


class Broadcast(models.Model):
    """A message to an audience (群发). Planned into deliveries, then sent through its one channel."""

    class Kind(models.TextChoices):
        NEW_ARRIVAL = "new_arrival", _("new arrival")

    class Audience(models.TextChoices):
        ALL_BOUND = "all_bound", _("all bound customers")
        AGENT = "agent", _("the customers of one agent")
        LEVEL = "level", _("bound customers of a level")
        GROUP = "group", _("bound customers of a group")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PLANNING = "planning", _("planning")
        SENDING = "sending", _("sending")
        FINISHED = "finished", _("finished")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.NEW_ARRIVAL)
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    channel = models.CharField(_("channel"), max_length=20)
    subject = models.CharField(_("subject"), max_length=120)
    body = models.TextField(
        _("text"), max_length=2000, help_text=_("{nick}, {product} and {price} are replaced for each customer.")
    )
    audience = models.CharField(_("audience"), max_length=20, choices=Audience.choices, default=Audience.ALL_BOUND)
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("agent")
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Customer.Level.choices, null=True, blank=True)
    group = models.ForeignKey(
        Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("group")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    created_at = models.DateTimeField(_("created"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    planned_up_to = models.BigIntegerField(
        _("planned up to"), default=0, editable=False, help_text=_("The last customer id that planning has passed.")
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    progressed_at = models.DateTimeField(_("last progress"), null=True, blank=True)
    not_before = models.DateTimeField(
        _("not before"), null=True, editable=False, help_text=_("The channel could not be reached and is left alone.")
    )
    failures = models.PositiveSmallIntegerField(
        _("failures"), default=0, editable=False, help_text=_("Batches in a row for which the channel was down.")
    )

    objects = BroadcastQuerySet.as_manager()

    class Meta:
        verbose_name = _("broadcast")
        verbose_name_plural = _("broadcasts")
        constraints = [
            models.CheckConstraint(
                condition=~Q(audience="agent") | Q(agent__isnull=False),
                name="broadcast_audience_names_agent",
                violation_error_message=_("Choose the agent whose customers are meant."),
            ),
            models.CheckConstraint(
                condition=~Q(audience="level") | Q(level__isnull=False),
                name="broadcast_audience_names_level",
                violation_error_message=_("Choose the level that is meant."),
            ),
            models.CheckConstraint(
                condition=~Q(audience="group") | Q(group__isnull=False),
                name="broadcast_audience_names_group",
                violation_error_message=_("Choose the group that is meant."),
            ),
        ]
        indexes = [
            # the scheduler and the workers: what is to do
            models.Index(fields=["state", "id"], name="broadcast_state"),
        ]
        permissions = [
            ("send_broadcast", _("May send broadcasts to his own customers")),
            ("send_broadcast_to_any", _("May send broadcasts to any customers")),
        ]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return reverse("admin:messaging_broadcast_change", args=[self.pk])

    def clean(self) -> None:
        """Refuse a text that nothing could fill, at its field."""
        errors: dict[str, ValidationError] = {}
        for name in ("subject", "body"):
            try:
                check_placeholders(getattr(self, name))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(dict(errors))

    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    def is_resting(self, at: datetime) -> bool:
        """Waiting for a provider that could not be reached."""
        return self.state == self.State.SENDING and self.not_before is not None and self.not_before > at

    def is_moving(self) -> bool:
        """Being planned or sent."""
        return self.state in (self.State.PLANNING, self.State.SENDING)

    def audience_name(self) -> str:
        """The audience in words, with what it names."""
        named = {
            self.Audience.AGENT: self.agent,
            self.Audience.LEVEL: self.get_level_display(),
            self.Audience.GROUP: self.group,
        }.get(self.Audience(self.audience))
        return f"{self.get_audience_display()}: {named}" if named else self.get_audience_display()

    def customers(self) -> CustomerQuerySet:
        """The audience as it is now."""
        bound = Customer.objects.bound()
        if self.audience == self.Audience.AGENT:
            return bound.filter(agent=self.agent_id)
        if self.audience == self.Audience.LEVEL:
            return bound.filter(level=cast(int, self.level))  # a constraint sees to it
        if self.audience == self.Audience.GROUP:
            return bound.filter(groups=self.group_id)
        return bound


def unannounced(products: ProductQuerySet) -> ProductQuerySet:
    """Those of the products that no broadcast has been sent for; a draft has announced nothing."""
    return products.exclude(Exists(Broadcast.objects.started().filter(product=OuterRef("pk"))))

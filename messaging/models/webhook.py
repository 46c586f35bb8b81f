from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Source


class WebhookTargetQuerySet(models.QuerySet["WebhookTarget"]):
    def active(self) -> WebhookTargetQuerySet:
        return self.filter(is_active=True)

    def due(self, at: datetime) -> WebhookTargetQuerySet:
        """Those that something waits for, unless they rest or a worker is at them."""
        waiting = WebhookDelivery.objects.due(at).filter(target=OuterRef("pk"))
        return self.active().filter(Q(not_before__isnull=True) | Q(not_before__lte=at)).filter(Exists(waiting))


class WebhookTarget(models.Model):
    """An address outside that is told what happened: an endpoint of a shop's own software, or the robot of a group."""

    class Style(models.TextChoices):
        STANDARD = "standard", "Standard Webhooks"
        DINGTALK = "dingtalk", _("DingTalk")
        WECOM = "wecom", _("WeCom")
        FEISHU = "feishu", _("Feishu")

    name = models.CharField(_("name"), max_length=80)
    style = models.CharField(_("style"), max_length=10, choices=Style.choices, default=Style.STANDARD)
    url = models.CharField(_("address"), max_length=500)
    secret = models.CharField(_("secret"), max_length=200, blank=True)
    # While a secret is being replaced, both sign.
    former_secret = models.CharField(_("former secret"), max_length=200, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)

    # What became of the last attempts.
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=300, blank=True, editable=False)
    stopped_at = models.DateTimeField(_("switched off by itself"), null=True, editable=False)
    # It rests until then, or a worker is at it: one at a time.
    not_before = models.DateTimeField(_("not before"), null=True, editable=False)

    objects = WebhookTargetQuerySet.as_manager()

    class Meta:
        verbose_name = _("target of webhooks")
        verbose_name_plural = _("targets of webhooks")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The page of the endpoint or robot that it is."""
        kind = "robot" if hasattr(self, "robot") else "endpoint"
        return reverse(f"admin:messaging_{kind}_change", args=[self.pk])

    def secrets(self) -> list[str]:
        return [secret for secret in (self.secret, self.former_secret) if secret]


class Endpoint(WebhookTarget):
    """Software of one source (its storefront, ERP, chat tool) that wants to know: answers go out to it."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))

    objects: ClassVar[models.Manager[Endpoint]] = models.Manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("endpoint")
        verbose_name_plural = _("endpoints")


class Robot(WebhookTarget):
    """The robot of a group chat (群机器人) of leads and managers: tells the group what also rings at the bell."""

    kinds = models.JSONField(_("tells"), default=list)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)

    objects: ClassVar[models.Manager[Robot]] = models.Manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("group robot")
        verbose_name_plural = _("group robots")


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self, at: datetime) -> WebhookDeliveryQuerySet:
        """Waiting, and their time has come; or claimed by a worker that did not come back."""
        return self.filter(next_at__lte=at)

    def open(self) -> WebhookDeliveryQuerySet:
        return self.filter(next_at__isnull=False)

    def settled_before(self, moment: datetime) -> WebhookDeliveryQuerySet:
        return self.filter(settled_at__lt=moment)

    def held_by(self, token: str) -> WebhookDeliveryQuerySet:
        return self.filter(token=token)


class WebhookDelivery(models.Model):
    """The outbox: one thing that happened, for one target. It leaves the building after its row has committed."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    target = models.ForeignKey(
        WebhookTarget, on_delete=models.PROTECT, db_index=False, related_name="deliveries", verbose_name=_("target")
    )
    webhook_id = models.CharField(_("webhook id"), max_length=40, unique=True)
    event = models.CharField(_("event"), max_length=60)
    payload = models.JSONField(_("content"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"), null=True)
    token = models.CharField(_("token"), max_length=32, null=True, editable=False)  # noqa: DJ001  (for its index)
    response_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing webhook")
        verbose_name_plural = _("outgoing webhooks")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", next_at__isnull=False) | (~Q(state="waiting") & Q(next_at__isnull=True)),
                name="webhook_delivery_waits_for_a_time",
                violation_error_message=_("Who waits has a time of the next attempt, nobody else has."),
            ),
        ]
        indexes = [
            # what is due for a target
            models.Index(fields=["target", "next_at"], condition=Q(next_at__isnull=False), name="webhook_delivery_due"),
            # what a worker holds
            models.Index(fields=["token"], condition=Q(token__isnull=False), name="webhook_delivery_token"),
            # the log of a target, the newest first
            models.Index(fields=["target", "-id"], name="webhook_delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.event} #{self.pk}"

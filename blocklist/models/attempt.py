from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.gates import Door
from customers.models import ApiKey, Customer, Source

from .ban import Ban
from .watch import Watch

if TYPE_CHECKING:
    from customers.models import User


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def to_do(self) -> AttemptQuerySet:
        """Orders bought despite a ban that nobody has dealt with yet: each is a task of the customer's agent."""
        return self.filter(outcome=Attempt.Outcome.DESPITE, handled_at__isnull=True)

    def handleable_by(self, user: User) -> AttemptQuerySet:
        """Those whose customer this staff user may change."""
        return self.filter(customer__in=Customer.objects.editable_by(user))


class Attempt(models.Model):
    """What the purchase gate did not simply allow (拦截记录): a refusal, a review, or an order bought despite a ban.

    It tells which identifiers were given, never their values.
    """

    class Outcome(models.TextChoices):
        REFUSED = "refuse", pgettext_lazy("attempt", "refused")
        REVIEW = "review", pgettext_lazy("attempt", "held for review")
        DESPITE = "despite", _("bought despite the ban")

    class Code(models.TextChoices):
        """The rule that hit, the strictest first: the gate's answer to the storefront."""

        PURCHASE_BANNED = "purchase_banned", _("the buyer himself is banned")
        SHARED_CONTACT_BANNED = "shared_contact_banned", _("a banned customer has the phone or e-mail that was told")
        LINKED_CUSTOMER_BANNED = "linked_customer_banned", _("a confirmed link leads to a banned customer")
        BAN_PENDING = "ban_pending", _("a ban of the buyer waits for a second person")
        FORMER_NICK_BANNED = "former_nick_banned", _("a banned customer once had this nick")
        ADDRESS_BANNED = "address_banned", _("a banned customer has this address")
        CUSTOMER_WATCHED = "customer_watched", _("the buyer is on the watch list")

    at = models.DateTimeField(_("at"), db_index=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    code = models.CharField(_("rule"), max_length=40, choices=Code.choices)
    door = models.CharField(_("asked through"), max_length=10, choices=Door.choices)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    # The entry that hit: a ban (his own, or that of a customer he is linked to or shares an identifier with), a watch.
    ban = models.ForeignKey(
        Ban, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("ban")
    )
    watch = models.ForeignKey(
        Watch, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("watch")
    )
    # Who asked.
    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("key")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    identifiers = models.JSONField(_("named by"), default=list)
    order_number = models.CharField(_("order number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, null=True, blank=True)
    # What was bought despite a ban is a task, until somebody says that it is done.
    handled_at = models.DateTimeField(_("dealt with"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("dealt with by"),
    )

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt to buy")
        verbose_name_plural = _("attempts to buy")
        constraints = [
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True, handled_by__isnull=True)
                | Q(handled_at__isnull=False, handled_by__isnull=False),
                name="attempt_handled_by_somebody",
                violation_error_message=_("What is dealt with names who did it."),
            ),
        ]
        indexes = [
            # a customer's attempts
            models.Index(fields=["customer", "-at"], name="attempt_customer"),
            # what somebody has yet to deal with
            models.Index(fields=["-at"], condition=Q(outcome="despite", handled_at__isnull=True), name="attempt_to_do"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_attempt_change", args=[self.pk])

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, Expression, F, OuterRef, Q, Value, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Deputyship, Job

from .period import Period, PeriodQuerySet

if TYPE_CHECKING:
    from customers.models import User
    from customers.models.customer import CustomerQuerySet


_DECIDED_BY_MANAGER = Q(by_manager=True) | Q(confirmed_at__isnull=False) | Q(upheld_at__isnull=False)


class BanQuerySet(PeriodQuerySet["Ban"]):
    def in_force(self, at: datetime | Expression | OuterRef) -> BanQuerySet:
        """Was in force at that moment of the past (or of the outer row), lifted since or not."""
        return self.filter(
            Q(until__isnull=True) | Q(until__gt=at), Q(ended_at__isnull=True) | Q(ended_at__gt=at), started_at__lte=at
        )

    def ending_before(self, moment: datetime) -> BanQuerySet:
        """Those that run out by then."""
        return self.filter(until__lte=moment)

    def unconfirmed(self) -> BanQuerySet:
        """Those that a manager has yet to confirm."""
        return self.filter(confirm_by__isnull=False, confirmed_at__isnull=True)

    def decided_by_manager(self) -> BanQuerySet:
        """Those that only managers lift: one set it or confirmed it, or upheld it on appeal."""
        return self.filter(_DECIDED_BY_MANAGER)

    def strictest_first(self) -> BanQuerySet:
        """Those without end, then those that end later; then those that only managers lift, then the latest."""
        others_last = Case(When(_DECIDED_BY_MANAGER, then=Value(0)), default=Value(1))
        return self.order_by(F("until").desc(nulls_first=True), others_last, "-pk")

    def liftable_by(self, user: User, *, at: datetime) -> BanQuerySet:
        """A manager lifts any; the exclusive agent those that no manager decided; a deputy those he set himself."""
        if user.has_perm("blocklist.ban_any_customer"):
            return self
        if user.has_perm("blocklist.ban_own_customer"):
            stood_in_for = Deputyship.objects.in_force(at).of_deputy(user)
            as_deputy = Q(customer__agent__in=stood_in_for.values("agent"), by=user)
            own = self.filter(Q(customer__agent__user=user) | as_deputy)
            return own.filter(by_manager=False, confirmed_at__isnull=True, upheld_at__isnull=True)
        return self.none()


class MaliciousType(models.TextChoices):
    """What a buyer is banned, watched or suspected for (恶意类型)."""

    MALICIOUS_ORDER = "malicious_order", _("malicious order")
    BAD_REVIEWER = "bad_reviewer", _("professional bad reviewer")
    EXTORTION = "extortion", _("extortion")
    ABUSE = "abuse", _("abuse")
    CLAIMANT = "claimant", _("professional claimant")
    MALICIOUS_REFUND = "malicious_refund", _("malicious refund")
    REFUSED_PARCEL = "refused_parcel", _("refused parcel")
    COUPON_HUNTER = "coupon_hunter", _("coupon hunter")
    COMPETITOR = "competitor", _("competitor")
    OTHER = "other", _("other")


class Ban(Period):
    """An entry of the blocklist (禁止购买). Never deleted, never edited in place: it is lifted, with a reason."""

    Type = MaliciousType

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    type = models.CharField(_("type"), max_length=20, choices=Type.choices)
    note = models.TextField(_("note"), blank=True)
    started_at = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: without end."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("banned by")
    )
    by_manager = models.BooleanField(_("set by a manager"), default=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("lifted by"),
    )
    lift_reason = models.CharField(_("reason for lifting"), max_length=200, blank=True)

    # A ban of a good customer stands at once, and a manager is asked to confirm it by then.
    confirm_by = models.DateTimeField(_("to be confirmed by"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed by"),
    )
    confirm_asked_at = models.DateTimeField(_("managers last asked to confirm"), null=True, blank=True)
    upheld_at = models.DateTimeField(_("upheld on appeal"), null=True, blank=True)

    # What a bulk action set or lifted can be undone together.
    job = models.ForeignKey(
        Job, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("set by the job")
    )
    lift_job = models.ForeignKey(
        Job, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("lifted by the job")
    )
    restores = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("restores the ban")
    )

    objects = BanQuerySet.as_manager()

    class Meta:
        verbose_name = _("ban")
        verbose_name_plural = _("bans")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(ended_at__isnull=True),
                name="ban_one_open",
                violation_error_message=_("This customer is already banned."),
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("started_at")),
                name="ban_ends_after_it_starts",
                violation_error_message=_("A ban ends after it starts."),
            ),
        ]
        indexes = [
            # a customer's bans, the latest first
            models.Index(fields=["customer", "-started_at"], name="ban_customer"),
            # those that come to their end
            models.Index(fields=["until"], condition=Q(ended_at__isnull=True, until__isnull=False), name="ban_until"),
        ]
        permissions = [
            ("ban_own_customer", _("May ban and unban the customers he is the exclusive agent of")),
            ("ban_any_customer", _("May ban and unban any customer")),
            ("import_bans", _("May import a blocklist")),
            ("export_bans", _("May export the blocklist")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_ban_change", args=[self.pk])

    def is_decided_by_manager(self) -> bool:
        return self.by_manager or self.confirmed_at is not None or self.upheld_at is not None


def banned(customers: CustomerQuerySet, *, at: datetime) -> CustomerQuerySet:
    """Those of the customers who are banned at that moment: the one answer for badge, gate, filter and claim."""
    return customers.filter(Exists(Ban.objects.standing(at).filter(customer=OuterRef("pk"))))


def bannable_by(user: User, *, at: datetime) -> CustomerQuerySet:
    """Whom this staff user may ban: a manager anybody, an exclusive agent his own customers, everybody else nobody.

    Within dates that a manager approved, a deputy may ban the customers of the agent for whom he stands in.
    """
    if user.has_perm("blocklist.ban_any_customer"):
        return Customer.objects.all()
    if user.has_perm("blocklist.ban_own_customer"):
        return Customer.objects.served_by(user) | Customer.objects.stood_in_for_by(user, at=at)
    return Customer.objects.none()

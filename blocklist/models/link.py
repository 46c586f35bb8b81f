from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Customer
from customers.models.customer import sees_all

from .ban import Ban, bannable_by
from .exemption import Exemption
from .watch import Watch

if TYPE_CHECKING:
    from customers.models import User
    from customers.models.customer import CustomerQuerySet


class AccountLinkQuerySet(models.QuerySet["AccountLink"]):
    def proposed(self) -> AccountLinkQuerySet:
        """Those that wait for a person's decision."""
        return self.filter(state=AccountLink.State.PROPOSED)

    def confirmed(self) -> AccountLinkQuerySet:
        """Those that a ban follows."""
        return self.filter(state=AccountLink.State.CONFIRMED)

    def of(self, customer: Customer) -> AccountLinkQuerySet:
        return self.filter(Q(first=customer) | Q(second=customer))

    def with_both(self, customers: CustomerQuerySet) -> AccountLinkQuerySet:
        """Those whose two customers are both among these."""
        first, second = customers.filter(pk=OuterRef("first")), customers.filter(pk=OuterRef("second"))
        return self.filter(Exists(first), Exists(second))

    def visible_to(self, user: User) -> AccountLinkQuerySet:
        """Those whose both customers he sees."""
        return self if sees_all(user) else self.with_both(Customer.objects.visible_to(user))

    def decidable_by(self, user: User, *, at: datetime) -> AccountLinkQuerySet:
        """Those that he confirms and denies: who may ban both, for a confirmed link has the effect of a ban."""
        return self.with_both(bannable_by(user, at=at))

    def with_suspect(self, at: datetime) -> AccountLinkQuerySet:
        """Those with somebody banned or watched at that moment: the ones that are worth a decision first."""
        banned = Ban.objects.standing(at).values("customer")
        watched = Watch.objects.standing(at).values("customer")
        return self.filter(Q(first__in=banned) | Q(second__in=banned) | Q(first__in=watched) | Q(second__in=watched))


class AccountLink(models.Model):
    """Two customers who may be one person. Proposed with its reasons; a person confirms or denies it.

    A ban follows confirmed links. What was denied is not proposed again. `first` has the smaller id.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", pgettext_lazy("account link", "proposed")
        CONFIRMED = "confirmed", pgettext_lazy("account link", "confirmed")
        DENIED = "denied", pgettext_lazy("account link", "denied")

    class Reason(models.TextChoices):
        PHONE = "phone", _("same phone")
        EMAIL = "email", _("same e-mail")
        ADDRESS = "address", _("same address")
        NICK = "nick", _("same nick")
        NAME = "name", _("same name")
        PERSON = "person", _("said by a person")

    first = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )
    second = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", verbose_name=_("other customer"))
    # Codes of `Reason`, the strongest first.
    reasons = models.JSONField(_("reasons"), default=list)
    confidence = models.PositiveSmallIntegerField(_("confidence"), help_text=_("In percent."))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PROPOSED)
    found_at = models.DateTimeField(_("found"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    objects = AccountLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("account link")
        verbose_name_plural = _("account links")
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second"],
                name="account_link_once",
                violation_error_message=_("These two are linked already."),
            ),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")),
                name="account_link_of_two",
                violation_error_message=_("A link is between two customers, the earlier one first."),
            ),
        ]
        indexes = [
            # the list, the surest first; by state too, SQLite would take it for the better way to a customer's links
            models.Index(fields=["-confidence", "id"], name="account_link_surest"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:blocklist_accountlink_compare", args=[self.pk])

    def other(self, customer: int) -> int:
        """The id of the one who is linked to this customer (an id)."""
        return self.second_id if self.first_id == customer else self.first_id

    def reason_labels(self) -> list[str]:
        return [str(AccountLink.Reason(code).label) for code in self.reasons]


class LinkMemberQuerySet(models.QuerySet["LinkMember"]):
    def with_banned_mate(self, at: datetime) -> LinkMemberQuerySet:
        """Those in whose cluster somebody else is banned at that moment.

        Members are asked one by one, from the customer on: almost nobody is one, and that costs a look at the index.
        """
        standing = Ban.objects.standing(at).filter(customer=OuterRef("customer"))
        mates = LinkMember.objects.filter(Exists(standing), cluster=OuterRef("cluster"))
        return self.filter(Exists(mates.exclude(customer=OuterRef("customer"))))


class LinkMember(models.Model):
    """Who belongs together by confirmed links, however long the chain: all of one `cluster` are one person.

    Kept by the service that confirms and denies links; the cluster is the smallest id among its customers.
    """

    customer = models.OneToOneField(
        Customer, on_delete=models.PROTECT, primary_key=True, related_name="+", verbose_name=_("customer")
    )
    cluster = models.BigIntegerField(_("cluster"), db_index=True)

    objects = LinkMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("linked customer")
        verbose_name_plural = _("linked customers")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


def ban_then(*, customer: str, at: str) -> Coalesce:
    """The id of the ban that was in force on the customer of an outer row at its moment, lifted since or not.

    Without one it is that of somebody to whom confirmed links tie him. `customer` and `at` are columns of the row.
    """
    bans = Ban.objects.in_force(OuterRef(at)).order_by("-started_at", "-pk")
    cluster = LinkMember.objects.filter(customer=OuterRef(OuterRef(OuterRef(customer)))).values("cluster")
    mates = LinkMember.objects.filter(cluster__in=cluster).values("customer")
    own, linked = bans.filter(customer=OuterRef(customer)), bans.filter(customer__in=mates)
    return Coalesce(Subquery(own.values("pk")[:1]), Subquery(linked.values("pk")[:1]))


def banned_by_link(customers: CustomerQuerySet, *, at: datetime) -> CustomerQuerySet:
    """Those of the customers whom a confirmed link, over however many others, ties to somebody banned at that moment.

    Whoever is exempt is none of them. Whether they are banned themselves is not asked: `banned` answers that.
    """
    linked = LinkMember.objects.with_banned_mate(at).filter(customer=OuterRef("pk"))
    exempt = Exemption.objects.standing(at).filter(customer=OuterRef("pk"))
    return customers.filter(Exists(linked), ~Exists(exempt))

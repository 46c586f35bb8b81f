from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, StoredFile
from customers.models.customer import sees_all

from .appeal import Appeal
from .ban import Ban
from .ban_request import BanRequest

if TYPE_CHECKING:
    from customers.models import User
    from customers.models.customer import CustomerQuerySet


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def about(self, customers: CustomerQuerySet) -> EvidenceQuerySet:
        """What was brought against one of the customers, or by him."""
        his = customers.order_by().values("pk")
        return self.filter(Q(ban__customer__in=his) | Q(ban_request__customer__in=his) | Q(appeal__customer__in=his))

    def count_of_ban(self) -> Subquery:
        """How much there is about the ban of the outer query; without grouping all bans for it."""
        of_ban = self.filter(ban=OuterRef("pk")).order_by().values("ban")
        return Subquery(of_ban.annotate(count=Count("pk")).values("count"))

    def visible_to(self, user: User) -> EvidenceQuerySet:
        """Who has the right to see evidence sees that about the customers whom he sees."""
        if not user.has_perm("blocklist.view_evidence"):
            return self.none()
        return self if sees_all(user) else self.about(Customer.objects.visible_to(user))


class Evidence(StoredFile):
    """A file that shows why: a screenshot, a PDF, or an excerpt of the chat as text. Never changed, never deleted.

    It belongs to a ban, a ban request or an appeal; that of a request which is approved belongs to the ban as well.
    """

    ban = models.ForeignKey(
        Ban, on_delete=models.PROTECT, null=True, blank=True, related_name="evidence", verbose_name=_("ban")
    )
    ban_request = models.ForeignKey(
        BanRequest,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="evidence",
        verbose_name=_("ban request"),
    )
    appeal = models.ForeignKey(
        Appeal, on_delete=models.PROTECT, null=True, blank=True, related_name="evidence", verbose_name=_("appeal")
    )
    file = models.FileField(_("file"), upload_to="evidence", max_length=100)
    sha256 = models.CharField("SHA-256", max_length=64)
    added_at = models.DateTimeField(_("added"))
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("added by"),
        help_text=_("Empty: the buyer himself, through the storefront."),
    )

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = [
            models.CheckConstraint(
                condition=Q(ban__isnull=False) | Q(ban_request__isnull=False) | Q(appeal__isnull=False),
                name="evidence_of_something",
                violation_error_message=_("Evidence belongs to a ban, a ban request or an appeal."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

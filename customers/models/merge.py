from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from .contact import ContactValue
from .customer import Customer

if TYPE_CHECKING:
    from .user import User


class Merge(models.Model):
    """One customer was found to be another and became part of him (合并). It tells the ids of every row that moved."""

    kept = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", verbose_name=_("kept customer"))
    merged = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", verbose_name=_("merged customer"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    moved = models.JSONField(_("what moved"), default=dict, help_text=_("Ids of the moved rows, by kind."))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class DuplicateQuerySet(models.QuerySet["Duplicate"]):
    def undecided(self) -> DuplicateQuerySet:
        return self.filter(dismissed_at__isnull=True)

    def visible_to(self, user: User) -> DuplicateQuerySet:
        """Whose both customers he sees."""
        seen = Customer.objects.visible_to(user)
        return self.filter(Exists(seen.filter(pk=OuterRef("first"))), Exists(seen.filter(pk=OuterRef("second"))))

    def outdated(self) -> DuplicateQuerySet:
        """Suggestions whose customers no longer share anything that names a person."""
        values = ContactValue.objects.filter(customer=OuterRef("first"))
        shared = values.filter(
            Exists(
                ContactValue.objects.filter(
                    customer=OuterRef(OuterRef("second")), kind=OuterRef("kind"), key=OuterRef("key")
                )
            )
        )
        by_contact = Exists(shared.filter(kind__in=["phone", "email"]))
        by_name = Exists(shared.filter(kind="name")) & Exists(shared.filter(kind="address"))
        return self.undecided().exclude(by_contact | by_name)


class Duplicate(models.Model):
    """A suggestion: these two customers share a phone, an e-mail, or a name and an address. A person decides."""

    first = models.ForeignKey(
        Customer, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("customer")
    )
    second = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+", verbose_name=_("perhaps the same"))
    found_at = models.DateTimeField(_("found"))
    dismissed_at = models.DateTimeField(_("dismissed"), null=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("dismissed by")
    )

    objects = DuplicateQuerySet.as_manager()

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second"],
                name="duplicate_once",
                violation_error_message=_("These two are suggested already."),
            ),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")),
                name="duplicate_in_order",
                violation_error_message=_("The customer who was known first comes first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

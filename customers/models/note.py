from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .customer import Customer


class CustomerNoteQuerySet(models.QuerySet["CustomerNote"]):
    def standing(self) -> CustomerNoteQuerySet:
        return self.filter(struck_at__isnull=True)


class CustomerNote(models.Model):
    """What the staff tell each other of a customer. Never edited, never deleted; its author may strike it out."""

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="notes", verbose_name=_("customer")
    )
    text = models.TextField(_("text"), max_length=2000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    struck_at = models.DateTimeField(_("struck out"), null=True, blank=True)

    objects = CustomerNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes = [
            # a customer's notes and timeline
            models.Index(fields=["customer", "-at", "-id"], name="note_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

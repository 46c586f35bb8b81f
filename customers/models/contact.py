from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .import_run import Imported


class ContactValue(Imported):
    """The only place where a name, phone, e-mail or address of a customer stands. It is found by `key` alone."""

    class Kind(models.TextChoices):
        NAME = "name", _("name")
        PHONE = "phone", _("phone")
        EMAIL = "email", _("e-mail")
        ADDRESS = "address", _("address")

    class State(models.TextChoices):
        UNCHECKED = "unchecked", _("unchecked")
        GOOD = "good", _("good")
        BAD = "bad", _("bad")

    customer = models.ForeignKey(
        "customers.Customer",
        on_delete=models.PROTECT,
        db_index=False,
        related_name="contact_values",
        verbose_name=_("customer"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    value = models.CharField(_("value"), max_length=400)
    key = models.CharField(_("key"), max_length=64, editable=False, help_text=_("Keyed hash of the normalised value."))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.UNCHECKED)

    class Meta:
        verbose_name = _("contact value")
        verbose_name_plural = _("contact values")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "kind", "key"],
                name="contact_value_once",
                violation_error_message=_("This customer already has this value."),
            ),
        ]
        indexes = [
            # the gate and the search box: whose is this value
            models.Index(fields=["key", "kind"], name="contact_value_key"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class KeyVersion(models.Model):
    """Which version of the normalisers the stored keys were made with; at most one row.

    `renewed_up_to` is the id up to which making them anew has come, where it was stopped on the way.
    """

    version = models.PositiveSmallIntegerField(_("version"))
    renewed_up_to = models.BigIntegerField(_("renewed up to"), default=0)

    class Meta:
        verbose_name = _("version of the keys")
        verbose_name_plural = _("versions of the keys")

    def __str__(self) -> str:
        return str(self.version)

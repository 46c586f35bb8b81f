from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .import_run import Imported
from .source import Source


class Account(Imported):
    """How one source knows a customer: its own id for him, and his nick (买家会员名), which may change."""

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="accounts", verbose_name=_("customer")
    )
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )
    external_id = models.CharField(_("external id"), max_length=100)
    nick = models.CharField(_("nick"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                name="account_number_per_source",
                violation_error_message=_("This source already has an account with this id."),
            ),
        ]
        indexes = [
            # the gate and the search box: by nick and by its beginning
            models.Index(fields=["nick"], opclasses=["varchar_pattern_ops"], name="account_nick"),
            # the search box: by id without a source
            models.Index(fields=["external_id"], name="account_external_id"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class FormerNick(models.Model):
    """A nick that an account had before; old ones are kept and searched."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="former_nicks", verbose_name=_("account")
    )
    nick = models.CharField(_("nick"), max_length=100)
    until_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("former nick")
        verbose_name_plural = _("former nicks")
        indexes = [
            # the search box: by nick and by its beginning
            models.Index(fields=["nick"], opclasses=["varchar_pattern_ops"], name="former_nick"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

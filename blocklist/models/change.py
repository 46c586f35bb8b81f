from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .ban import Ban


class BanChange(models.Model):
    """A line of the changes feed: whoever replays the lines in order of their ids ends with the shop's own bans.

    Lines get their id under the exclusive intake lock, so in the order in which they are committed. Append-only. Whose
    ban it is, the ban tells: after a merge that is the kept customer.
    """

    class Kind(models.TextChoices):
        SET = "set", pgettext_lazy("ban change", "set")
        LIFTED = "lifted", pgettext_lazy("ban change", "lifted")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    ban = models.ForeignKey(Ban, on_delete=models.PROTECT, related_name="changes", verbose_name=_("ban"))
    # As it stood then: copies compare times themselves.
    until = models.DateTimeField(_("until"), null=True, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("change of the blocklist")
        verbose_name_plural = _("changes of the blocklist")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

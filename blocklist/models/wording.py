from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .ban import MaliciousType


class Wording(models.Model):
    """A text that managers have put in place of the one the product comes with: one for each purpose and language."""

    class Purpose(models.TextChoices):
        REFUSAL = "refusal", _("what a buyer reads whose order is refused")
        REVIEW = "review", _("what a buyer reads whose order is held for review")
        ADVICE = "advice", _("advice to the staff")

    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    type = models.CharField(
        _("type"), max_length=20, choices=MaliciousType.choices, blank=True, help_text=_("Of an advice only.")
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    text = models.TextField(_("text"), max_length=1000)
    changed_at = models.DateTimeField(_("changed"))
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("changed by")
    )

    class Meta:
        verbose_name = _("wording")
        verbose_name_plural = _("wordings")
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "type", "language"],
                name="wording_once",
                violation_error_message=_("There is such a text in this language already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

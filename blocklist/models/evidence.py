from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .appeal import Appeal
from .ban import Ban
from .ban_request import BanRequest


class Evidence(models.Model):
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
    # Lies below DATA_DIR/uploads under a made-up name.
    file = models.FileField(_("file"), upload_to="evidence", max_length=100)
    name = models.CharField(_("name"), max_length=100)
    media_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))
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

    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

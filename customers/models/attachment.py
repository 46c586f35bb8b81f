from django.db import models
from django.utils.translation import gettext_lazy as _

from .inquiry import InquiryMessage


class Attachment(models.Model):
    """A file in a conversation. It is only ever handed out as a download, to whoever may see the inquiry."""

    message = models.ForeignKey(
        InquiryMessage, on_delete=models.PROTECT, related_name="attachments", verbose_name=_("message")
    )
    # Lies below DATA_DIR/uploads under a made-up name.
    file = models.FileField(_("file"), upload_to="inquiries", max_length=100)
    name = models.CharField(_("name"), max_length=100)
    media_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

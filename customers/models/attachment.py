from django.db import models
from django.utils.translation import gettext_lazy as _

from .inquiry import InquiryMessage
from .stored_file import StoredFile


class Attachment(StoredFile):
    """A file in a conversation. It is only ever handed out as a download, to whoever may see the inquiry."""

    message = models.ForeignKey(
        InquiryMessage, on_delete=models.PROTECT, related_name="attachments", verbose_name=_("message")
    )
    file = models.FileField(_("file"), upload_to="inquiries", max_length=100)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

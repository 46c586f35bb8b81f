from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredFile(models.Model):
    """A file that somebody sent, and its place. A model of it adds `file`, with the folder, and whose it is."""

    # Lies below DATA_DIR/uploads under a made-up name.
    file: models.FileField
    name = models.CharField(_("name"), max_length=100)
    media_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))

    class Meta:
        abstract = True

    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

"""What a buyer gets to read. One neutral sentence that names no type and no reason."""

from django.utils.translation import gettext as _


def refusal_text() -> str:
    """The sentence in the active language."""
    return _("This order cannot be accepted. Please contact the shop's customer service.")

"""What a buyer gets to read. One neutral sentence that names no type and no reason.

The purchase gate asks for it while a storefront waits: it costs no query.
"""

from django.utils.translation import gettext as _


def refusal_text() -> str:
    """The sentence in the active language."""
    return _("This order cannot be accepted. Please contact the shop's customer service.")


def review_text() -> str:
    """The same of an order that waits for a person's review."""
    return _("The shop will check this order and confirm it soon.")

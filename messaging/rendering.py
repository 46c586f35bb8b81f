"""Filling a broadcast's text. The placeholders are a closed list; nothing a user writes is ever run as a template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from .models import Broadcast

PLACEHOLDERS = ("nick", "product", "price")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def check_placeholders(text: str) -> None:
    """Raise ValidationError that names a placeholder which nothing would fill."""
    unknown = sorted(set(_PLACEHOLDER.findall(text)) - set(PLACEHOLDERS))
    if unknown:
        raise ValidationError(
            _("There is no placeholder {%(name)s}. Use %(known)s."),
            params={"name": unknown[0], "known": ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)},
        )


def around_nick(text: str, *, broadcast: Broadcast) -> list[str]:
    """The text with all filled in that is the same for everybody; the nick belongs between its pieces."""
    product = broadcast.product
    price = product.price if product else None
    values = {"product": product.name if product else "", "price": "" if price is None else f"{price:.2f}"}
    pieces = text.split("{nick}")
    return [_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), piece) for piece in pieces]


def fill(text: str, *, broadcast: Broadcast, nick: str) -> str:
    """The text for one customer."""
    return nick.join(around_nick(text, broadcast=broadcast))


def called(nick: str) -> str:
    """What a message calls somebody of this nick in the active language; a guest has none."""
    return nick or _("dear customer")


def title(broadcast: Broadcast) -> str:
    """The subject as the staff reads it in lists and headings: with the product, for nobody in particular."""
    return fill(broadcast.subject, broadcast=broadcast, nick="…")

"""What a buyer gets to read: one neutral sentence that names no type and no reason, the shop's own where it has one."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from .models import Wording

Purpose = Wording.Purpose
# The gate asks for the texts all day long. What another process has changed is seen here after so many seconds.
KEPT_SECONDS = 5

Texts = dict[tuple[str, str], str]


class _Kept:
    """The shop's own public texts as this process read them last."""

    def __init__(self) -> None:
        self._texts: Texts = {}
        self._until = 0.0
        self._changes = 0

    def texts(self) -> Texts:
        """One query now and then."""
        if self._until < monotonic():
            before = self._changes
            rows = Wording.objects.exclude(purpose=Purpose.ADVICE).values_list("purpose", "language", "text")
            texts: Texts = {(purpose, language): text for purpose, language, text in rows}
            if before != self._changes:
                return texts  # somebody changed them meanwhile: the next look asks anew
            self.remember(texts)
        return self._texts

    def remember(self, texts: Texts) -> None:
        self._texts, self._until = texts, monotonic() + KEPT_SECONDS

    def forget(self) -> None:
        """A text was changed: the next look asks anew."""
        self._until = 0.0
        self._changes += 1


own_texts = _Kept()


class PublicText(NamedTuple):
    """The sentence as buyers of one language read it."""

    code: str
    language: str
    text: str


def refusal_text() -> str:
    """What a buyer reads whose order is refused, in the active language."""
    return own_texts.texts().get((Purpose.REFUSAL, get_language() or "")) or default_refusal()


def review_text() -> str:
    """What a buyer reads whose order is held for review, in the active language."""
    return own_texts.texts().get((Purpose.REVIEW, get_language() or "")) or default_review()


def default_refusal() -> str:
    return _("This order cannot be accepted. Please contact the shop's customer service.")


def default_review() -> str:
    return _("The shop will check this order and confirm it soon.")


def refusal_texts() -> list[PublicText]:
    """What buyers of every language read whose order is refused: for the staff, before and after a ban."""
    texts = []
    for code, name in settings.LANGUAGES:
        with override(code):
            text = refusal_text()
        texts.append(PublicText(code, str(name), text))
    return texts

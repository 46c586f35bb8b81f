"""What customers think of the service they got."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import Inquiry, InquiryRating


class NotRatable(Exception):
    """This inquiry cannot be rated now. The message says why, `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def rate(inquiry: Inquiry, *, score: int, source: str, text: str = "", at: datetime) -> InquiryRating:
    """Keep the customer's rating of a closed inquiry; repeating it is safe.

    An inquiry has one rating. The customer may change his within RATING_CHANGES_FOR of the first; a rating by the
    system replaces none, and the customer's own replaces the system's at any time. Raises NotRatable.
    """
    with transaction.atomic():
        current = Inquiry.objects.select_for_update(of=("self",)).get(pk=inquiry.pk)
        if not current.is_closed():
            raise NotRatable("inquiry_running", _("Only a closed inquiry is rated."))
        known = InquiryRating.objects.filter(inquiry=current).first()
        if known is None:
            return InquiryRating.objects.create(
                inquiry=current, score=score, source=source, text=text, first_rated_at=at, rated_at=at
            )
        if (known.score, known.source, known.text) == (score, source, text):
            return known
        _require_change(known, source, at=at)
        if known.source == InquiryRating.Origin.SYSTEM:
            known.first_rated_at = at
        known.score, known.source, known.text, known.rated_at = score, source, text, at
        known.save(update_fields=["score", "source", "text", "first_rated_at", "rated_at"])
        return known


def _require_change(known: InquiryRating, source: str, *, at: datetime) -> None:
    system = InquiryRating.Origin.SYSTEM
    if source == system:
        raise NotRatable("rated_already", _("This inquiry is rated already."))
    if known.source != system and at >= known.first_rated_at + settings.RATING_CHANGES_FOR:
        raise NotRatable("rated_already", _("This inquiry was rated too long ago to change it."))

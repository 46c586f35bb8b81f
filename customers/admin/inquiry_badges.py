"""How an inquiry and its rating look in a list."""

from __future__ import annotations

from django.utils.safestring import SafeString

from customers.models import Inquiry, InquiryRating

from .cells import NOTHING, badge

STATES = {
    Inquiry.State.NEW: "warning",
    Inquiry.State.OPEN: "info",
    Inquiry.State.WAITING: "danger",
    Inquiry.State.CLOSED: "plain",
}
Score = InquiryRating.Score
SCORES = {
    Score.VERY_SATISFIED: "success",
    Score.SATISFIED: "success",
    Score.NEUTRAL: "plain",
    Score.DISSATISFIED: "warning",
    Score.VERY_DISSATISFIED: "danger",
}


def state_badge(inquiry: Inquiry) -> SafeString:
    """The state, and how it ended."""
    label = inquiry.get_result_display() if inquiry.result else inquiry.get_state_display()
    return badge(label, kind=STATES[Inquiry.State(inquiry.state)])


def rating_badge(rating: InquiryRating | None) -> SafeString | str:
    if rating is None:
        return NOTHING
    kind = SCORES[Score(rating.score)]
    return badge(rating.get_score_display(), kind=kind, title=f"{rating.score} · {rating.get_source_display()}")

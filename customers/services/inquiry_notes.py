"""What the staff writes down about an inquiry, for itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Agent, Inquiry, InquiryNote, User
from customers.parts import NotificationKind

from . import audit
from .notifications import notify

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NOTE = 1000


def keep_note(
    inquiry: Inquiry,
    kind: InquiryNote.Kind,
    *,
    text: str,
    by: User,
    at: datetime,
    to_agent: Agent | None = None,
    result: str = "",
) -> InquiryNote:
    """Write a note down, with its audit event, in the transaction of what it is about."""
    if len(text) > LONGEST_NOTE:
        raise ValidationError({"note": _("A note holds %(most)d characters at most.") % {"most": LONGEST_NOTE}})
    note = InquiryNote.objects.create(
        inquiry=inquiry, kind=kind, text=text.strip(), by=by, at=at, to_agent=to_agent, result=result
    )
    audit.record("inquiry_note.added", InquiryNote.objects.filter(pk=note.pk), by=by, at=at, reason=kind)
    return note


def tell_transfer(inquiry: Inquiry, *, agent: Agent, by: User, at: datetime) -> None:
    """Tell the new agent that he has this inquiry."""
    notify(
        User.objects.filter(pk=agent.user_id),
        TRANSFERRED.name,
        at=at,
        url=inquiry.desk_url(),
        parameters={"by": by.get_full_name() or by.get_username()},
    )


def _tell(parameters: Mapping[str, Any]) -> str:
    return _("%(by)s gave you an inquiry.") % parameters


TRANSFERRED = NotificationKind(
    name="inquiry_transferred",
    label=gettext_lazy("a colleague gave me an inquiry"),
    tell=_tell,
    is_personal=True,
)

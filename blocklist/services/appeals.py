"""Appeals (申诉): a banned buyer asks the shop to think again, and a manager who did not ban him decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from blocklist.models import Appeal, Ban, Evidence
from blocklist.signals import appeal_decided
from customers import locks
from customers.models import Inquiry, Source, User
from customers.services import audit, inquiries
from customers.services.files import CheckedFile, kept
from customers.services.staff import who_may

from .appeal_news import tell_decided, tell_opened
from .bans import lift_these
from .evidence import attach_evidence
from .wordings import accusation_in

DECIDE = "blocklist.decide_appeal"
LONGEST_TEXT = 4000
State = Appeal.State


class CannotAppeal(Exception):
    """There is nothing to appeal against. The message says why."""


class MayNotAppeal(PermissionDenied):
    """The staff user may not open, withdraw or decide this appeal. The message says why."""


class AppealDecided(Exception):
    """Somebody has decided already. The message says how."""


def open_appeal(
    ban: Ban,
    *,
    text: str,
    by: User | None,
    at: datetime,
    inquiry: Inquiry | None = None,
    source: Source | None = None,
    files: Sequence[CheckedFile] = (),
) -> Appeal:
    """Open an appeal against a standing ban, and tell who may decide; one that is open already is returned as it is.

    `by` is None where the storefront of `source` tells it on the buyer's behalf. The customer and the inquiry are those
    whom the caller may see. Raises CannotAppeal, MayNotAppeal, ValidationError.
    """
    if by is not None and not by.has_perm("blocklist.add_appeal"):
        raise MayNotAppeal(_("You may not open appeals."))
    if inquiry is not None and inquiry.customer_id != ban.customer_id:
        raise ValidationError({"inquiry": _("This inquiry is another customer's.")})
    text = _given("text", text, _("Write down what the buyer says."))
    with kept(files, Evidence) as rows, transaction.atomic():
        locks.close_intake()  # nobody lifts the ban meanwhile
        if not Ban.objects.standing(at).filter(pk=ban.pk).exists():
            raise CannotAppeal(_("This ban does not stand any more."))
        if standing := Appeal.objects.open().filter(ban=ban).first():
            return standing
        appeal = Appeal.objects.create(
            ban=ban, customer_id=ban.customer_id, text=text, inquiry=inquiry, source=source, opened_by=by, opened_at=at
        )
        attach_evidence(rows, appeal, by=by, at=at)
        audit.record("appeal.opened", Appeal.objects.filter(pk=appeal.pk), by=by, at=at, fields=["text"])
        deciders = who_may(DECIDE)
        others = deciders.exclude(pk=ban.by_id)
        told = others if others.exists() else deciders
        tell_opened(appeal, told, at=at)
        return appeal


def why_may_not_decide(appeal: Appeal, user: User) -> str:
    """Why this staff user may not decide the appeal; empty where he may. Who is alone with the right decides alone."""
    if not user.has_perm(DECIDE):
        return _("A manager decides appeals.")
    if appeal.ban.by_id == user.pk and who_may(DECIDE).exclude(pk=user.pk).exists():
        return _("You set this ban, so another manager decides.")
    return ""


def uphold(appeal: Appeal, *, answer: str, by: User, at: datetime, note: str = "") -> Appeal:
    """The ban stays, and from now on only managers lift it; the buyer gets the answer. Raises as `overturn` does."""
    with transaction.atomic():
        locks.close_intake()
        _decide(appeal, State.UPHELD, answer=answer, note=note, by=by, at=at)
        Ban.objects.filter(pk=appeal.ban_id).update(upheld_at=at)
    return appeal


def overturn(appeal: Appeal, *, answer: str, by: User, at: datetime, note: str = "") -> Appeal:
    """Lift the ban, if it still stands, and send the buyer the answer through the service channel.

    Raises MayNotAppeal, AppealDecided, and ValidationError where the answer is empty or accuses the buyer.
    """
    with transaction.atomic():
        locks.close_intake()
        _decide(appeal, State.OVERTURNED, answer=answer, note=note, by=by, at=at)
        reason = _("Overturned on appeal #%(appeal)d.") % {"appeal": appeal.pk}
        lift_these(Ban.objects.filter(pk=appeal.ban_id), reason=reason, by=by, at=at)
    return appeal


# What is decided, by its word in pages and API.
DECISIONS = {"uphold": uphold, "overturn": overturn}


def withdraw(appeal: Appeal, *, by: User, at: datetime) -> Appeal:
    """The buyer does not want a decision any more. By who opened it, or who decides. Raises as `overturn` does."""
    if appeal.opened_by_id != by.pk and not by.has_perm(DECIDE):
        raise MayNotAppeal(_("Only who opened the appeal, or a manager, withdraws it."))
    with transaction.atomic():
        _settle(appeal, by=by, at=at, state=State.WITHDRAWN)
        audit.record("appeal.withdrawn", Appeal.objects.filter(pk=appeal.pk), by=by, at=at, fields=["state"])
    return appeal


def _decide(appeal: Appeal, state: State, *, answer: str, note: str, by: User, at: datetime) -> None:
    if why_not := why_may_not_decide(appeal, by):
        raise MayNotAppeal(why_not)
    answer = _given("answer", answer, _("Write what the buyer is told."))
    if word := accusation_in(answer):
        raise ValidationError(
            {"answer": _("A buyer reads this: it must be neutral and may not say “%(word)s”.") % {"word": word}}
        )
    alone = appeal.ban.by_id == by.pk
    _settle(appeal, by=by, at=at, state=state, answer=answer, note=note.strip(), is_decided_alone=alone)
    this = Appeal.objects.filter(pk=appeal.pk)
    audit.record(f"appeal.{state.value}", this, by=by, at=at, fields=["state", "answer"])
    inquiries.tell(
        appeal.customer, text=answer, by=by, at=at, inquiry=_still_his(appeal.inquiry, appeal), source=appeal.source
    )
    tell_decided(appeal, by=by, at=at)
    appeal_decided.send(sender=Appeal, appeal=appeal, at=at)


def _settle(appeal: Appeal, *, by: User, at: datetime, **values: Any) -> None:
    """Write the decision, if there is none yet, and read the appeal anew."""
    settled = Appeal.objects.open().filter(pk=appeal.pk).update(decided_by=by, decided_at=at, **values)
    appeal.refresh_from_db()
    if not settled:
        raise AppealDecided(_("This appeal was decided already: %(state)s.") % {"state": appeal.get_state_display()})


def _still_his(inquiry: Inquiry | None, appeal: Appeal) -> Inquiry | None:
    """The inquiry it came from, unless a merge made it somebody else's."""
    return inquiry if inquiry and inquiry.customer_id == appeal.customer_id else None


def _given(field: str, text: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise ValidationError({field: missing})
    if len(text) > LONGEST_TEXT:
        raise ValidationError({field: _("At most %(most)d characters.") % {"most": LONGEST_TEXT}})
    return text

"""Reception (接待): which agent an inquiry reaches, and what is said in it. Every door comes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers import locks
from customers.identity import Identity
from customers.models import Account, Agent, Attachment, Customer, Inquiry, InquiryMessage, InquiryNote, Source, User
from customers.signals import message_answered

from . import audit
from .attachments import attach
from .bindings import bind_by_answer
from .files import CheckedFile, discard, kept
from .inquiry_notes import keep_note, tell_transfer
from .people import keep_customer
from .replies import automatic_reply
from .routing import Routing, give_out_waiting, give_to, made_room, record_routing, route_for, stays

LONGEST_TEXT = 4000
Author, Reason, State = InquiryMessage.Author, Inquiry.Reason, Inquiry.State


class MayNotAnswer(PermissionDenied):
    """The staff user may not answer, close or give away this inquiry. The message says why."""


class InquiryClosed(Exception):
    """Nothing can be said in an inquiry that is closed."""


@dataclass(frozen=True)
class Reception:
    """The inquiry that a buyer's message opened (`created`) or continued."""

    inquiry: Inquiry
    created: bool


def receive(buyer: Identity, *, source: Source, text: str, at: datetime, by: User | None = None) -> Reception | None:
    """Take a buyer's message in and see to it that somebody has it; None where nothing names a person.

    A banned buyer is served like any other. The message continues the inquiry that runs or was closed a short while
    ago (INQUIRY_CONTINUES_FOR), else it opens one. Exactly one agent owns it, or it waits where a lead sees it. What
    is answered by itself stands there with it. `by`: the staff user who passes the message on.
    """
    _check(text)
    with transaction.atomic():
        locks.route_alone()
        customer = keep_customer(buyer, at=at, by=by)
        if customer is None:
            return None
        known = _to_continue(customer, at=at)
        inquiry = _continue(known, at=at) if known else _open(customer, source=source, at=at)
        _hear(inquiry, text, is_new=known is None, at=at)
        return Reception(inquiry=inquiry, created=known is None)


def receive_further(inquiry: Inquiry, *, text: str, at: datetime, files: Sequence[CheckedFile] = ()) -> InquiryMessage:
    """Take a buyer's further message in; raises InquiryClosed where it does not continue this inquiry any more."""
    _check(text, files)
    with kept(files, Attachment) as attachments, transaction.atomic():
        locks.route_alone()
        known = _to_continue(inquiry.customer, at=at)
        if known is None or known.pk != inquiry.pk:
            raise InquiryClosed(_("This inquiry is closed. A new message opens a new one."))
        return _hear(_continue(known, at=at), text, is_new=False, at=at, attachments=attachments)


def answer(
    inquiry: Inquiry,
    *,
    text: str,
    by: User,
    at: datetime,
    files: Sequence[CheckedFile] = (),
    send_key: UUID | None = None,
) -> InquiryMessage:
    """Answer the buyer. The first answer binds an unbound customer to the agent who gives it.

    A waiting inquiry that an agent with the right answers becomes his. With a `send_key` repeating is safe: it answers
    with the message that was sent. Raises MayNotAnswer, InquiryClosed.
    """
    _check(text, files)
    with kept(files, Attachment) as attachments, transaction.atomic():
        locks.route_alone()
        _require_right(inquiry, by=by)
        if send_key and (sent := InquiryMessage.objects.filter(inquiry=inquiry, send_key=send_key, user=by).first()):
            discard(attachments)
            return sent
        inquiry = _running(inquiry, by=by)
        if inquiry.agent is None:
            give_to(inquiry, Routing(Agent.objects.filter(user=by, is_active=True).first(), Reason.GIVEN), by=by, at=at)
        inquiry.first_reply_at = inquiry.first_reply_at or at
        inquiry.state = State.WAITING if inquiry.agent is None else State.OPEN
        inquiry.waiting_since = None
        inquiry.save(update_fields=["first_reply_at", "state", "waiting_since"])
        bind_by_answer(Customer.objects.filter(pk=inquiry.customer_id), by=by, at=at)
        return _say(inquiry, Author.AGENT, text, at=at, attachments=attachments, user=by, send_key=send_key)


def tell(
    customer: Customer,
    *,
    text: str,
    by: User,
    at: datetime,
    inquiry: Inquiry | None = None,
    source: Source | None = None,
) -> InquiryMessage | None:
    """Write a service message to the customer, such as a decision that he waits for, also to one who is banned.

    It stands in that inquiry, else in his latest one; for whoever never asked, in one that is closed at once. Nobody
    is bound, nothing is routed, and the buyer waits for an answer as before. None where no source knows him.
    The right to write it is the caller's.
    """
    with transaction.atomic():
        locks.route_alone()
        said_in = inquiry or Inquiry.objects.filter(customer=customer).order_by("-last_message_at", "-pk").first()
        if said_in is None:
            account = Account.objects.filter(customer=customer).select_related("source").order_by("pk").first()
            source = source or (account.source if account else None)
            if source is None:
                return None
            said_in = Inquiry.objects.create(
                customer=customer,
                source=source,
                state=State.CLOSED,
                routed_reason=Reason.GIVEN,
                opened_at=at,
                closed_at=at,
                last_message_at=at,
            )
        return _say(said_in, Author.AGENT, text, at=at, user=by)


def close(inquiry: Inquiry, *, by: User, at: datetime, result: str = "", note: str = "") -> None:
    """Close the inquiry, with how it ended; one that is closed stays as it is, so repeating is safe.

    Raises MayNotAnswer.
    """
    with transaction.atomic():
        locks.route_alone()
        _require_right(inquiry, by=by)
        this = Inquiry.objects.filter(pk=inquiry.pk)
        if this.running().update(state=State.CLOSED, closed_at=at, waiting_since=None, result=result):
            audit.record("inquiry.closed", this, by=by, at=at, fields=["state", "result"], reason=result)
            if result or note:
                keep_note(inquiry, InquiryNote.Kind.RESULT, text=note, result=result, by=by, at=at)
            made_room(at=at)
    inquiry.refresh_from_db()


def give(inquiry: Inquiry, *, agent: Agent, by: User, at: datetime, note: str = "") -> None:
    """Give the inquiry to that agent (转交), with a note that he sees; the customer's binding stays. Repeating is safe.

    Whoever may give away any inquiry gives it to anybody; the agent who has it, to a colleague who is online.
    Raises MayNotAnswer, InquiryClosed where nothing runs.
    """
    may_give_any = by.has_perm("customers.answer_any_inquiry")
    if not agent.is_active:
        raise MayNotAnswer(_("This agent takes no customers."))
    with transaction.atomic():
        locks.route_alone()
        current = _running(inquiry, by=by)
        if current.agent == agent:
            return
        free = Agent.objects.online(at).receptive_to(current.customer, at=at)
        if not (may_give_any or free.filter(pk=agent.pk).exists()):
            sentence = _("%(agent)s cannot take this inquiry now. Choose a colleague who is online, or ask a lead.")
            raise MayNotAnswer(sentence % {"agent": agent})
        is_own = current.agent is not None and current.agent.user_id == by.pk
        keep_note(current, InquiryNote.Kind.TRANSFER, text=note, to_agent=agent, by=by, at=at)
        give_to(current, Routing(agent, Reason.TRANSFERRED if is_own else Reason.GIVEN), by=by, at=at)
        if agent.user_id != by.pk:
            tell_transfer(current, agent=agent, by=by, at=at)
        made_room(at=at)


def note(inquiry: Inquiry, *, text: str, by: User, at: datetime) -> InquiryNote:
    """Write down what colleagues should know, and the buyer never sees. Raises MayNotAnswer."""
    if not text.strip():
        raise ValidationError({"note": _("Write something.")})
    with transaction.atomic():
        _require_right(inquiry, by=by)
        return keep_note(inquiry, InquiryNote.Kind.NOTE, text=text, by=by, at=at)


def why_may_not_answer(inquiry: Inquiry) -> str:
    """The sentence for somebody without the right to answer this inquiry; it tells who has it."""
    if inquiry.agent is None:
        return _("This inquiry waits for an agent; a lead or a manager answers it or gives it to one.")
    return _("Only %(agent)s, a lead or a manager may answer and close this inquiry.") % {"agent": inquiry.agent}


def _check(text: str, files: Sequence[CheckedFile] = ()) -> None:
    if not (text.strip() or files):
        raise ValidationError({"text": _("Write something.")})
    if len(text) > LONGEST_TEXT:
        raise ValidationError({"text": _("A message holds %(most)d characters at most.") % {"most": LONGEST_TEXT}})


def _require_right(inquiry: Inquiry, *, by: User) -> None:
    if not Inquiry.objects.answerable_by(by).filter(pk=inquiry.pk).exists():
        current = Inquiry.objects.select_related("agent").get(pk=inquiry.pk)
        raise MayNotAnswer(why_may_not_answer(current))


def _running(inquiry: Inquiry, *, by: User) -> Inquiry:
    """The inquiry as it is now, under the lock."""
    _require_right(inquiry, by=by)
    current = Inquiry.objects.select_related("agent").get(pk=inquiry.pk)
    if current.is_closed():
        raise InquiryClosed(_("This inquiry is closed."))
    return current


def _to_continue(customer: Customer, *, at: datetime) -> Inquiry | None:
    """The inquiry that the customer's next message belongs to: the running one, else the last, closed lately."""
    of_customer = Inquiry.objects.filter(customer=customer).select_related("agent", "customer__agent")
    since = at - settings.INQUIRY_CONTINUES_FOR
    return of_customer.running().first() or of_customer.closed_since(since).order_by("-closed_at", "-pk").first()


def _continue(inquiry: Inquiry, *, at: datetime) -> Inquiry:
    """It stays with its agent while he can go on with it; else it goes the way of a new one."""
    if not stays(inquiry, at=at):
        give_to(inquiry, route_for(inquiry.customer, at=at), by=None, at=at)
    elif inquiry.is_closed():
        give_to(inquiry, Routing(inquiry.agent, Reason(inquiry.routed_reason)), by=None, at=at)
    return inquiry


def _open(customer: Customer, *, source: Source, at: datetime) -> Inquiry:
    give_out_waiting(at=at)  # whoever waited comes before a newcomer, also where an agent is back since a moment ago
    routing = route_for(customer, at=at)
    inquiry = Inquiry.objects.create(
        customer=customer,
        source=source,
        agent=routing.agent,
        state=State.NEW if routing.agent else State.WAITING,
        routed_reason=routing.reason,
        opened_at=at,
        last_message_at=at,
    )
    record_routing(inquiry, routing, by=None, at=at)
    return inquiry


def _hear(
    inquiry: Inquiry, text: str, *, is_new: bool, at: datetime, attachments: Sequence[Attachment] = ()
) -> InquiryMessage:
    """Write down what the buyer said, that he waits, and what is answered by itself."""
    inquiry.waiting_since = inquiry.waiting_since or at
    inquiry.save(update_fields=["waiting_since"])
    message = _say(inquiry, Author.BUYER, text, at=at, attachments=attachments)
    if reply := automatic_reply(inquiry, is_new=is_new, at=at):
        _say(inquiry, Author.AUTOMATIC, reply.text, at=at, automatic_kind=reply.kind)
    return message


def _say(
    inquiry: Inquiry,
    author: InquiryMessage.Author,
    text: str,
    *,
    at: datetime,
    attachments: Sequence[Attachment] = (),
    **facts: Any,
) -> InquiryMessage:
    inquiry.last_message_at = at
    inquiry.save(update_fields=["last_message_at"])
    message = InquiryMessage.objects.create(inquiry=inquiry, author=author, text=text, at=at, **facts)
    attach(attachments, message)
    if author != Author.BUYER:
        message_answered.send(sender=InquiryMessage, message=message)
    return message

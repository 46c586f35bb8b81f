"""Prepared texts: quick replies for the staff, and what is answered by itself (自动回复)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers.models import Account, Agent, AutoReply, Customer, Inquiry, InquiryMessage, Order, QuickReply, User
from customers.models.reply import filled

from .working_hours import back_at

Kind = AutoReply.Kind


class Ready(NamedTuple):
    """A quick reply as it would be said in this inquiry."""

    code: str
    title: str
    text: str


def language_of_shop() -> str:
    return str(settings.LANGUAGE_CODE)


def language_of(customer: Customer) -> str:
    """The language in which a customer is answered."""
    return customer.language or language_of_shop()


def quick_replies(inquiry: Inquiry, *, user: User) -> list[Ready]:
    """The replies that the user may choose, filled in for this inquiry's customer, in his language; his own first.

    One of his own hides the shop's of the same code. Four queries.
    """
    language = language_of(inquiry.customer)
    last_order = Order.objects.filter(customer=inquiry.customer_id).order_by("-ordered_at", "-pk").first()
    agent = Agent.objects.filter(user=user).first()
    values = _values(inquiry, language, agent) | {"order": last_order.number if last_order else ""}
    rows = QuickReply.objects.usable_by(user).order_by(F("owner").asc(nulls_last=True), "code", "pk")
    ready: dict[str, Ready] = {}
    for row in rows:
        ready.setdefault(row.code, Ready(row.code, row.title, filled(row.text_in(language), values)))
    return sorted(ready.values())


class Automatic(NamedTuple):
    kind: AutoReply.Kind
    text: str


def automatic_reply(inquiry: Inquiry, *, is_new: bool, at: datetime) -> Automatic | None:
    """What is to be answered by itself to the buyer's message; None for nothing.

    Outside working hours it says when somebody is back, else that all are busy while nobody has the inquiry, else it
    greets who opens one. Each occasion at most once in an inquiry.
    """
    back = back_at(inquiry.agent, at=at)
    kind = _occasion(inquiry, is_new=is_new, back=back)
    if kind is None or InquiryMessage.objects.filter(inquiry=inquiry, automatic_kind=kind).exists():
        return None
    rows = AutoReply.objects.filter(Q(agent=None) | Q(agent=inquiry.agent), kind=kind)
    reply = rows.order_by(F("agent").asc(nulls_last=True)).first()
    if reply is None or not reply.is_on:
        return None
    language = language_of(inquiry.customer)
    values = _values(inquiry, language, inquiry.agent)
    if back is not None:
        with translation.override(language):
            values["back_at"] = date_format(timezone.localtime(back), "DATETIME_FORMAT")
    text = filled(reply.text_in(language), values | ({} if back else {"back_at": ""}))
    return Automatic(kind, text)


def _occasion(inquiry: Inquiry, *, is_new: bool, back: datetime | None) -> AutoReply.Kind | None:
    if back is not None:
        return Kind.OUTSIDE_HOURS
    if inquiry.agent_id is None:
        return Kind.ALL_BUSY
    return Kind.GREETING if is_new else None


def _values(inquiry: Inquiry, language: str, agent: Agent | None) -> dict[str, str]:
    account = Account.objects.filter(customer=inquiry.customer_id, source=inquiry.source_id).order_by("pk").first()
    with translation.override(language):
        nobody = _("dear customer")
    return {
        "nick": account.nick if account and account.nick else nobody,
        "agent": str(agent or inquiry.source),
        "shop": str(inquiry.source),
    }

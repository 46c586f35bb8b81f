"""Who asked what in the made-up shop, and who serves whom there."""

from __future__ import annotations

from datetime import datetime, timedelta

from customers.identity import Identity
from customers.models import Agent, Customer, Inquiry, InquiryRating, Source, User
from customers.services import inquiries
from customers.services.agents import set_status
from customers.services.deputies import propose
from customers.services.mutes import mute
from customers.services.ratings import rate

QUESTIONS = [
    ("这件衬衫偏大吗？我 170cm。", "亲，170 拍 L 码就好。", False),
    ("Does the scarf come in grey?", "Yes, grey and navy.", True),
    ("什么时候发货？", "", False),
    ("茶杯能用洗碗机吗？", "", False),
]


def seed_inquiries(staff: dict[str, User], source: Source, *, banned_nick: str, at: datetime) -> None:
    """Some new, open and closed ones, one of a banned buyer, and one that waited until somebody was online."""
    known = Customer.objects.bound().exclude(accounts__nick=banned_nick).order_by("pk")
    nicks = list(known.values_list("accounts__nick", flat=True)[: 2 * len(QUESTIONS)])
    for number, nick in enumerate(nicks):
        question, reply, is_closed = QUESTIONS[number % len(QUESTIONS)]
        asked_at = at - timedelta(minutes=10 * (len(nicks) - number))
        inquiry = _ask(nick, question, source, at=asked_at)
        if reply and inquiry.agent:
            inquiries.answer(inquiry, text=reply, by=inquiry.agent.user, at=asked_at + timedelta(minutes=1))
        if is_closed and inquiry.agent:
            by, closed_at = inquiry.agent.user, asked_at + timedelta(minutes=5)
            inquiries.close(inquiry, by=by, at=closed_at, result=Inquiry.Result.SOLVED)
            rate(inquiry, score=number % 3, source=InquiryRating.Origin.INVITED, at=closed_at)
    _ask(banned_nick, "为什么我下不了单？", source, at=at - timedelta(minutes=4))
    free = Customer.objects.unbound().order_by("-pk").values_list("accounts__nick", flat=True).first()
    for status in (Agent.Status.OFFLINE, Agent.Status.ONLINE):
        for agent in Agent.objects.select_related("user"):
            set_status(agent, status, by=agent.user, at=at - timedelta(minutes=2))
        if status == Agent.Status.OFFLINE and free:
            _ask(free, "有人在吗？ Is anybody there?", source, at=at - timedelta(minutes=2))
    back = at + timedelta(hours=8)
    set_status(
        staff["yue"].agent, Agent.Status.SUSPENDED, by=staff["yue"], at=at, reason="盘点 Stocktaking", until=back
    )


def seed_limits(staff: dict[str, User], *, at: datetime) -> None:
    """Limits, a proposed deputy, a customer whom nobody likes to receive, and the shop's hours: always open."""
    ming, lan, yue = (staff[login] for login in ("ming", "lan", "yue"))
    Agent.objects.filter(user__in=[ming, lan]).update(capacity=10)
    propose(
        yue.agent, deputy=lan.agent, starts_at=at, ends_at=at + timedelta(days=3), by=yue, at=at - timedelta(hours=1)
    )
    quiet = Customer.objects.served_by(lan).exclude(pk__in=Inquiry.objects.values("customer")).order_by("pk")
    for customer in quiet[:1]:
        mute(customer, agent=lan.agent, reason="骂人 Insults", by=lan, at=at - timedelta(days=1))


def _ask(nick: str, question: str, source: Source, *, at: datetime) -> Inquiry:
    reception = inquiries.receive(Identity(source_id=source.pk, nick=nick), source=source, text=question, at=at)
    if reception is None:
        raise ValueError("A made-up buyer has a nick.")
    return reception.inquiry

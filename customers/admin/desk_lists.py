"""The lists of the reception desk: who waits, what is open, what is closed, and a lead's view of all queues."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db.models import Count, F, Min, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from customers.models import Agent, Customer, Inquiry, InquiryNote, User

from .cells import badge
from .customer_rows import customer_name, with_names
from .inquiry_badges import state_badge
from .staff import signed_in

if TYPE_CHECKING:
    from customers.models.agent import AgentQuerySet
    from customers.models.inquiry import InquiryQuerySet

WAITING, OPEN, CLOSED, QUEUES = "waiting", "open", "closed", "queues"
TABS = (WAITING, OPEN, CLOSED, QUEUES)
MINE, ALL = "mine", "all"
# A person answers a few at a time; whoever has more sees those who wait longest.
SHOWN = 100


class Fact(NamedTuple):
    """What a list shows changes only with one of these."""

    pk: int
    state: str
    agent: int | None
    waiting_since: datetime | None
    last_message_at: datetime
    first_reply_at: datetime | None
    last_note: int | None = None


@dataclass(frozen=True)
class DeskQuestion:
    """What a page of the desk asks: whose inquiries, which list, which conversation stands open, whom one looks for."""

    user: User
    scope: str
    tab: str
    inquiry: int | None = None
    sought: str = ""

    def running(self) -> InquiryQuerySet:
        """Who waits longest first, then what was answered, the last message first."""
        order = (F("waiting_since").asc(nulls_last=True), "-last_message_at", "pk")
        return self._of_scope().running().order_by(*order)

    def closed(self) -> InquiryQuerySet:
        return self._of_scope().filter(state=Inquiry.State.CLOSED).order_by("-closed_at", "-pk")

    def found(self) -> InquiryQuerySet:
        """Of the customer one looks for, whosever inquiry it is that one may see: the closed in their list, else what
        runs, answered or not.
        """
        everybodys = replace(self, scope=ALL)
        inquiries = everybodys.closed() if self.tab == CLOSED else everybodys.running()
        return inquiries.filter(customer__in=Customer.objects.search(self.sought).order_by().values("pk"))

    def facts(self, inquiries: InquiryQuerySet, *, most: int = SHOWN) -> list[Fact]:
        """In the order given; the last note is looked up for the open conversation alone, which is what shows it."""
        notes = InquiryNote.objects.filter(inquiry=OuterRef("pk")).filter(inquiry=self.inquiry or 0).order_by("-pk")
        told = inquiries.annotate(last_note=Subquery(notes.values("pk")[:1])).values_list(*Fact._fields)
        return [Fact(*row) for row in told[:most]]

    def _of_scope(self) -> InquiryQuerySet:
        if self.scope == ALL:
            return Inquiry.objects.visible_to(self.user)
        return Inquiry.objects.filter(agent__user=self.user)


@dataclass(frozen=True)
class DeskFacts:
    """The inquiries of the lists as they are at one moment, in one query (two where a closed one is looked at).

    `found`: those of the customer one looks for, which stand in place of a list; None where one looks for nobody.
    """

    waiting: list[Fact]
    open: list[Fact]
    others: list[Any]
    found: list[Fact] | None = None

    def of_tab(self, tab: str) -> list[Fact]:
        if self.found is not None:
            return self.found
        if tab == CLOSED:
            return self.others
        return self.open if tab == OPEN else self.waiting

    def mark(self, question: DeskQuestion, language: str) -> str:
        """The same as long as nothing that the answer shows has changed."""
        asked = (question.scope, question.tab, question.inquiry, question.sought)
        told = repr((question.user.pk, *asked, language, self))
        return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def facts(question: DeskQuestion) -> DeskFacts:
    running = question.facts(question.running(), most=SHOWN * 2)
    found = question.facts(question.found()) if question.sought else None
    listed = {fact.pk for fact in (*running, *(found or []))}
    others: list[Any] = []
    if question.tab == QUEUES and found is None:
        others = [*_queue_facts(), *question.facts(Inquiry.objects.waiting().order_by("pk"))]
    elif question.tab == CLOSED and found is None:
        others = question.facts(question.closed())
        listed |= {fact.pk for fact in others}
    if question.inquiry and question.inquiry not in listed:
        looked_at = Inquiry.objects.visible_to(question.user).filter(pk=question.inquiry)
        others = [*others, *question.facts(looked_at)]
    waiting = [fact for fact in running if fact.waiting_since is not None]
    answered = [fact for fact in running if fact.waiting_since is None]
    return DeskFacts(waiting=waiting, open=answered, others=others, found=found)


def _queue_facts() -> list[tuple[Any, ...]]:
    told = ("pk", "status", "status_until", "capacity", "running_count", "waiting_count", "oldest")
    return list(_agents_with_queues().values_list(*told))


def _agents_with_queues() -> AgentQuerySet:
    """Counted by the index of running inquiries alone, however many an agent has closed."""
    running = Inquiry.objects.running().filter(agent=OuterRef("pk")).order_by().values("agent")
    unanswered = running.filter(waiting_since__isnull=False)
    return (
        Agent.objects.serving()
        .annotate(
            running_count=Coalesce(Subquery(running.annotate(n=Count("pk")).values("n")), 0),
            waiting_count=Coalesce(Subquery(unanswered.annotate(n=Count("pk")).values("n")), 0),
            oldest=Subquery(unanswered.annotate(n=Min("waiting_since")).values("n")),
        )
        .order_by("display_name", "pk")
    )


@dataclass(frozen=True)
class Row:
    """A line of a list as it is shown."""

    inquiry: Inquiry
    name: SafeString
    snippet: str
    state: SafeString


def rows(ids: list[int], request: HttpRequest, *, at: datetime) -> list[Row]:
    """The inquiries of a list, in its order; a fixed number of queries."""
    customers = with_names(Customer.objects.all(), request, at)
    by_id = (
        Inquiry.objects.filter(pk__in=ids)
        .select_related("agent")
        .prefetch_related(Prefetch("customer", customers))
        .with_last_text()
        .in_bulk()
    )
    return [_row(by_id[pk]) for pk in ids if pk in by_id]


def _row(inquiry: Any) -> Row:
    return Row(inquiry, customer_name(inquiry.customer), (inquiry.last_text or "")[:80], state_badge(inquiry))


@dataclass(frozen=True)
class Queue:
    """An agent with what stands before him."""

    agent: Any
    status: SafeString


def queues(*, at: datetime) -> list[Queue]:
    """Every agent who takes customers: his status, who waits for him and how long, what is open, his capacity."""
    kinds = {Agent.Status.ONLINE: "success", Agent.Status.SUSPENDED: "warning", Agent.Status.OFFLINE: "plain"}
    found = []
    for agent in _agents_with_queues():
        status = agent.status_at(at)
        found.append(Queue(agent, badge(str(status.label), kind=kinds[status])))
    return found


def unowned(request: HttpRequest, *, at: datetime) -> list[Row]:
    """The waiting queue: inquiries that nobody has, the oldest first."""
    seen = Inquiry.objects.visible_to(signed_in(request)).waiting().order_by("opened_at", "pk")
    return rows(list(seen.values_list("pk", flat=True)[:SHOWN]), request, at=at)


def warning_after() -> timedelta:
    return timedelta(seconds=settings.FIRST_REPLY_WARNING_SECONDS)

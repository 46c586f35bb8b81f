from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .agent import Agent
from .customer import Customer
from .reply import AutoReply
from .source import Source

if TYPE_CHECKING:
    from .user import User


class InquiryQuerySet(models.QuerySet["Inquiry"]):
    def running(self) -> InquiryQuerySet:
        return self.exclude(state=Inquiry.State.CLOSED)

    def waiting(self) -> InquiryQuerySet:
        """With nobody to serve them."""
        return self.filter(state=Inquiry.State.WAITING)

    def unanswered(self) -> InquiryQuerySet:
        """Whose buyer waits for an answer; who has waited longest comes first."""
        return self.filter(waiting_since__isnull=False).order_by("waiting_since", "pk")

    def with_last_text(self) -> InquiryQuerySet:
        """Adds `last_text`: what a person said last."""
        said = InquiryMessage.objects.filter(inquiry=OuterRef("pk")).order_by("-pk")
        said = said.exclude(author=InquiryMessage.Author.AUTOMATIC)
        return self.annotate(last_text=Subquery(said.values("text")[:1]))

    def closed_since(self, moment: datetime) -> InquiryQuerySet:
        return self.filter(state=Inquiry.State.CLOSED, closed_at__gt=moment)

    def visible_to(self, user: User) -> InquiryQuerySet:
        """A lead and a manager see all; an agent sees his own, and those of the customers who are bound to him."""
        if user.has_perm("customers.answer_any_inquiry"):
            return self
        return self.filter(Q(agent__user=user) | Q(customer__agent__user=user))

    def answerable_by(self, user: User) -> InquiryQuerySet:
        """Who owns an inquiry answers and closes it; a lead and a manager any."""
        if user.has_perm("customers.answer_any_inquiry"):
            return self
        if user.has_perm("customers.answer_own_inquiry"):
            return self.filter(agent__user=user)
        return self.none()


class Inquiry(models.Model):
    """A conversation that a customer opened (咨询). One customer has one running inquiry at most."""

    class State(models.TextChoices):
        NEW = "new", pgettext_lazy("inquiry", "new")
        OPEN = "open", pgettext_lazy("inquiry", "open")
        WAITING = "waiting", pgettext_lazy("inquiry", "waiting for an agent")
        CLOSED = "closed", pgettext_lazy("inquiry", "closed")

    class Reason(models.TextChoices):
        """Why this agent has it, or nobody."""

        EXCLUSIVE = "exclusive", _("the exclusive agent is online")
        UNBOUND = "unbound", _("no exclusive agent yet: the least busy agent online")
        EXCLUSIVE_SUSPENDED = "exclusive_suspended", _("the exclusive agent is suspended: the least busy agent online")
        EXCLUSIVE_OFFLINE = (
            "exclusive_offline",
            _("the exclusive agent is offline: the least busy agent online"),
        )
        EXCLUSIVE_FULL = "exclusive_full", _("the exclusive agent has no room: the least busy agent online")
        EXCLUSIVE_MUTED = "exclusive_muted", _("the agent muted this customer: the least busy agent online")
        EXCLUSIVE_LEFT = "exclusive_left", _("the exclusive agent takes no customers: the least busy agent online")
        DEPUTY = "deputy", _("the exclusive agent is away: the deputy")
        NOBODY_ONLINE = "nobody_online", _("no agent is online: it waits, and a lead sees it")
        NOBODY_FREE = "nobody_free", _("no agent online can take it: it waits, and a lead sees it")
        GIVEN = "given", _("a lead or a manager gave or took it")
        TRANSFERRED = "transferred", _("a colleague transferred it")

    class Result(models.TextChoices):
        """How it ended."""

        SOLVED = "solved", pgettext_lazy("inquiry", "solved")
        NOT_SOLVED = "not_solved", pgettext_lazy("inquiry", "not solved")
        ORDERED = "ordered", pgettext_lazy("inquiry", "the customer ordered")
        NO_ANSWER = "no_answer", pgettext_lazy("inquiry", "the customer answered no more")
        SPAM = "spam", pgettext_lazy("inquiry", "spam")

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="inquiries", verbose_name=_("customer")
    )
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )
    agent = models.ForeignKey(
        Agent,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        related_name="inquiries",
        verbose_name=_("agent"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.NEW)
    routed_reason = models.CharField(_("why this agent"), max_length=30, choices=Reason.choices)
    opened_at = models.DateTimeField(_("opened"))
    first_reply_at = models.DateTimeField(_("first reply"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    last_message_at = models.DateTimeField(_("last message"))
    # The buyer's first message that nobody has answered yet. An automatic reply is no answer.
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    result = models.CharField(_("result"), max_length=20, choices=Result.choices, blank=True)

    objects = InquiryQuerySet.as_manager()

    class Meta:
        verbose_name = _("inquiry")
        verbose_name_plural = _("inquiries")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=~Q(state="closed"),
                name="inquiry_one_running",
                violation_error_message=_("This customer already has a running inquiry."),
            ),
            models.CheckConstraint(
                condition=Q(state="closed")
                | Q(state="waiting", agent__isnull=True)
                | Q(state__in=["new", "open"], agent__isnull=False),
                name="inquiry_waits_or_has_agent",
                violation_error_message=_("A running inquiry has an agent, or waits for one."),
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at__isnull=True)),
                name="inquiry_closed_has_time",
                violation_error_message=_("A closed inquiry has the time of closing, a running one has none."),
            ),
            models.CheckConstraint(
                condition=~Q(state="closed") | Q(waiting_since__isnull=True),
                name="inquiry_closed_waits_for_nothing",
                violation_error_message=_("Nobody waits for an answer in a closed inquiry."),
            ),
            models.CheckConstraint(
                condition=Q(state="closed") | Q(result=""),
                name="inquiry_result_only_when_closed",
                violation_error_message=_("Only a closed inquiry has a result."),
            ),
        ]
        indexes = [
            # a customer's inquiries, the latest first; whether one runs, or was closed a short while ago
            models.Index(fields=["customer", "-opened_at"], name="inquiry_customer"),
            # an agent's running ones, and how busy he is
            models.Index(fields=["agent", "state"], name="inquiry_agent_state"),
            # the queue of those who wait
            models.Index(fields=["state", "last_message_at"], name="inquiry_state"),
            # the list, as it opens
            models.Index(fields=["-last_message_at", "-id"], name="inquiry_last_message"),
            # the desk: who waits for an answer, and what an agent, or anybody, closed last
            models.Index(
                fields=["waiting_since"], condition=Q(waiting_since__isnull=False), name="inquiry_waiting_since"
            ),
            models.Index(fields=["agent", "-closed_at"], condition=Q(state="closed"), name="inquiry_agent_closed"),
            models.Index(fields=["-closed_at"], condition=Q(state="closed"), name="inquiry_closed_last"),
        ]
        permissions = [
            ("answer_own_inquiry", _("May answer and close the inquiries that are his")),
            ("answer_any_inquiry", _("May see, answer, close and give away any inquiry")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_inquiry_change", args=[self.pk])

    def desk_url(self) -> str:
        """The conversation at the reception desk."""
        return reverse("desk-inquiry", args=[self.pk])

    def is_closed(self) -> bool:
        return self.state == self.State.CLOSED


class InquiryMessage(models.Model):
    """One message of an inquiry. Never edited, never deleted."""

    class Author(models.TextChoices):
        BUYER = "buyer", _("buyer")
        AGENT = "agent", _("agent")
        AUTOMATIC = "automatic", _("automatic")

    inquiry = models.ForeignKey(
        Inquiry, on_delete=models.PROTECT, db_index=False, related_name="messages", verbose_name=_("inquiry")
    )
    author = models.CharField(_("author"), max_length=10, choices=Author.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("user")
    )
    text = models.TextField(_("text"), max_length=4000, blank=True)
    at = models.DateTimeField(_("at"))
    automatic_kind = models.CharField(_("occasion"), max_length=20, choices=AutoReply.Kind.choices, blank=True)
    # What the sender calls this message, so that sending it again after a lost answer says it once.
    send_key = models.UUIDField(_("key of sending"), null=True)

    class Meta:
        verbose_name = _("message of an inquiry")
        verbose_name_plural = _("messages of inquiries")
        constraints = [
            models.CheckConstraint(
                condition=Q(author="agent", user__isnull=False) | (~Q(author="agent") & Q(user__isnull=True)),
                name="inquiry_message_answer_has_user",
                violation_error_message=_("An answer names who gave it, nothing else does."),
            ),
            models.UniqueConstraint(
                fields=["inquiry", "automatic_kind"],
                condition=~Q(automatic_kind=""),
                name="inquiry_message_automatic_once",
                violation_error_message=_("An automatic reply is given once in an inquiry."),
            ),
            models.UniqueConstraint(
                fields=["inquiry", "send_key"],
                name="inquiry_message_sent_once",
                violation_error_message=_("This message is sent already."),
            ),
        ]
        indexes = [
            # a conversation in its order
            models.Index(fields=["inquiry", "id"], name="inquiry_message_order"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

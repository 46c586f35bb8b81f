"""Why this agent? The stored decisions of reception in the words of whoever reads them."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers.models import Inquiry, InquiryRouting, User

PassedOver, Reason = InquiryRouting.PassedOver, Inquiry.Reason


def sentence(routing: InquiryRouting) -> str:
    """The decision in one sentence: who was passed over and why, and who took it."""
    clauses = [_passed_over(routing), _deputy(routing), _taken(routing)]
    said = ""
    for clause in filter(None, clauses):
        said = _("%(first)s; %(then)s") % {"first": said, "then": clause} if said else clause
    return said


def _passed_over(routing: InquiryRouting) -> str:
    if routing.passed_over is None:
        return ""
    names = {"agent": routing.passed_over, "until": _moment(routing)}
    if routing.passed_reason == PassedOver.SUSPENDED:
        return (
            _("%(agent)s is suspended until %(until)s") if routing.passed_until else _("%(agent)s is suspended")
        ) % names
    if routing.passed_reason == PassedOver.OFFLINE:
        return (
            _("%(agent)s is offline until %(until)s") if routing.passed_until else _("%(agent)s is offline")
        ) % names
    return _other(routing.passed_reason) % names


def _deputy(routing: InquiryRouting) -> str:
    if routing.deputy is None:
        return ""
    sentences = {
        PassedOver.SUSPENDED.value: _("the deputy %(agent)s is suspended"),
        PassedOver.OFFLINE.value: _("the deputy %(agent)s is offline"),
        PassedOver.FULL.value: _("the deputy %(agent)s has no room"),
        PassedOver.MUTED.value: _("the deputy %(agent)s does not receive this customer"),
        PassedOver.LEFT.value: _("the deputy %(agent)s takes no customers"),
    }
    return sentences[routing.deputy_reason] % {"agent": routing.deputy}


def _other(reason: str) -> str:
    sentences = {
        PassedOver.FULL.value: _("%(agent)s has no room"),
        PassedOver.MUTED.value: _("%(agent)s does not receive this customer"),
        PassedOver.LEFT.value: _("%(agent)s takes no customers any more"),
    }
    return sentences[reason]


def _taken(routing: InquiryRouting) -> str:
    names = {"agent": routing.agent, "user": _name(routing.by)}
    sentences = {
        Reason.EXCLUSIVE.value: _("%(agent)s, the exclusive agent, has it"),
        Reason.DEPUTY.value: _("the deputy %(agent)s has it"),
        Reason.NOBODY_ONLINE.value: _("no agent is online, so it waits where a lead sees it"),
        Reason.NOBODY_FREE.value: _("no agent online can take it, so it waits where a lead sees it"),
        Reason.GIVEN.value: _("%(agent)s took it") if _is_his_own(routing) else _("%(user)s gave it to %(agent)s"),
        Reason.TRANSFERRED.value: _("%(user)s transferred it to %(agent)s"),
        Reason.UNBOUND.value: _("the customer has no exclusive agent: %(agent)s, the least busy, has it"),
    }
    return sentences.get(routing.reason, _("%(agent)s, the least busy agent online, has it")) % names


def _is_his_own(routing: InquiryRouting) -> bool:
    """Whether the agent who has it decided that himself."""
    return routing.agent is not None and routing.by_id == routing.agent.user_id


def _moment(routing: InquiryRouting) -> str:
    """The clock where it is the same day, else day and clock."""
    if routing.passed_until is None:
        return ""
    until, decided = timezone.localtime(routing.passed_until), timezone.localtime(routing.at)
    return date_format(until, "TIME_FORMAT" if until.date() == decided.date() else "DATETIME_FORMAT")


def _name(user: User | None) -> str:
    return "–" if user is None else user.get_full_name() or user.get_username()

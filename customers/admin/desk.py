"""The reception desk: the page where agents sit all day, and the small answers that keep it live."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.vary import vary_on_headers

from customers.models import Agent, Attachment, Customer, Inquiry, InquiryMessage, InquiryNote, InquiryRating
from customers.services import inquiries, mutes
from customers.services.attachments import MOST_FILES, attachment_rules
from customers.services.files import download
from customers.services.inquiry_notes import LONGEST_NOTE
from customers.services.replies import quick_replies

from . import desk_lists
from .card import card_of
from .customer_rows import customer_name
from .desk_actions import ACTIONS, colleagues
from .desk_lists import ALL, MINE, QUEUES, TABS, WAITING, DeskFacts, DeskQuestion
from .inquiry_badges import rating_badge, state_badge
from .staff import signed_in
from .talk import is_cut, news, talk

BIG = 2**63 - 1
LONGEST_SEARCH = 200


class DeskForm(forms.Form):
    """What the address, or a question for news, says; what it leaves out or gets wrong is the usual."""

    tab = forms.ChoiceField(choices=[(tab, tab) for tab in TABS], required=False)
    scope = forms.ChoiceField(choices=[(MINE, MINE), (ALL, ALL)], required=False)
    inquiry = forms.IntegerField(min_value=1, max_value=BIG, required=False)
    message = forms.IntegerField(min_value=0, max_value=BIG, required=False)
    note = forms.IntegerField(min_value=0, max_value=BIG, required=False)
    q = forms.CharField(required=False, max_length=LONGEST_SEARCH)


def question_of(request: HttpRequest, inquiry: int | None = None) -> tuple[DeskQuestion, dict[str, Any]]:
    """What is asked, as far as this user may ask it: only a lead sees more than his own."""
    user, form = signed_in(request), DeskForm(request.GET)
    form.is_valid()
    asked, may_see_all = form.cleaned_data, user.has_perm("customers.answer_any_inquiry")
    scope, tab = asked.get("scope"), asked.get("tab") or WAITING
    if may_see_all and not scope:
        scope = MINE if Agent.objects.filter(user=user, is_active=True).exists() else ALL
    if not may_see_all:
        scope, tab = MINE, WAITING if tab == QUEUES else tab
    return DeskQuestion(user, scope or MINE, tab, inquiry or asked.get("inquiry"), asked.get("q") or ""), asked


@vary_on_headers("Accept")
def desk_view(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The page, with the conversation of that inquiry. A script that accepts JSON gets the conversation alone."""
    _require_desk(request)
    at = timezone.now()
    inquiry = _seen(request, pk) if pk else None
    if inquiry and "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(_conversation(request, inquiry, at=at))
    question, _asked = question_of(request, pk)
    found = desk_lists.facts(question)
    shown = {
        **admin.site.each_context(request),
        "title": _("Reception desk"),
        "question": question,
        "found": found,
        "may_see_all": question.user.has_perm("customers.answer_any_inquiry"),
        "may_take": Agent.objects.filter(user=question.user, is_active=True).exists(),
        "list": _list(request, question, found, at=at),
        "conversation": _conversation(request, inquiry, at=at) if inquiry else None,
        "longest_search": LONGEST_SEARCH,
        "warning_seconds": int(desk_lists.warning_after().total_seconds()),
        "is_fullwidth": "1",
        "words": _words(),
    }
    return TemplateResponse(request, "admin/customers/desk/page.html", shown)


def news_view(request: HttpRequest) -> HttpResponse:
    """What is new, as JSON; 304 where nothing is.

    That costs one query; one or two more each for a conversation that is not listed, a search, and a lead's look at
    all queues.
    """
    _require_desk(request)
    question, asked = question_of(request)
    found, at = desk_lists.facts(question), timezone.now()
    mark = found.mark(question, get_language() or "")
    if request.headers.get("If-None-Match") == mark:
        return HttpResponseNotModified(headers={"ETag": mark})
    told = {
        "now": at.timestamp(),
        "waiting": [fact.pk for fact in found.waiting],
        "open": len(found.open),
        "list": _list(request, question, found, at=at),
        "talk": _talk_news(request, question, asked) if question.inquiry else None,
    }
    return JsonResponse(told, headers={"ETag": mark, "Cache-Control": "no-store"})


def earlier_view(request: HttpRequest, pk: int) -> JsonResponse:
    """The messages before the one that is named."""
    inquiry = _seen(request, pk)
    before = DeskForm(request.GET)
    before.is_valid()
    entries = talk(inquiry, signed_in(request), before=before.cleaned_data.get("message") or 0)
    return JsonResponse({"html": _entries(request, entries), "is_cut": is_cut(entries)})


def attachment_view(request: HttpRequest, pk: int, attachment: int) -> FileResponse:
    return download(get_object_or_404(Attachment, message__inquiry=_seen(request, pk), pk=attachment))


def _require_desk(request: HttpRequest) -> None:
    if not request.user.has_perm("customers.view_inquiry"):
        raise PermissionDenied


def _seen(request: HttpRequest, pk: int) -> Inquiry:
    _require_desk(request)
    seen = Inquiry.objects.visible_to(signed_in(request)).select_related("agent", "source", "customer__agent")
    return get_object_or_404(seen, pk=pk)


def _list(request: HttpRequest, question: DeskQuestion, found: DeskFacts, *, at: datetime) -> str:
    shown: dict[str, Any] = {"question": question, "at": at}
    if question.tab == QUEUES and not question.sought:
        own = Agent.objects.filter(user=question.user, is_active=True)
        shown |= {
            "queues": desk_lists.queues(at=at),
            "rows": desk_lists.unowned(request, at=at),
            "may_take": own.exists(),
            "agents": colleagues(question.user, None, at=at),
        }
        return render_to_string("admin/customers/desk/queues.html", shown, request)
    ids = [fact.pk for fact in found.of_tab(question.tab)[: desk_lists.SHOWN]]
    shown |= {"rows": desk_lists.rows(ids, request, at=at), "is_cut": len(ids) == desk_lists.SHOWN}
    return render_to_string("admin/customers/desk/list.html", shown, request)


def _entries(request: HttpRequest, entries: Any) -> str:
    return render_to_string("admin/customers/desk/entries.html", {"entries": entries}, request)


def _talk_news(request: HttpRequest, question: DeskQuestion, asked: dict[str, Any]) -> dict[str, Any]:
    """What is new in the conversation that stands open; that it is gone where it went to somebody else."""
    inquiry = Inquiry.objects.visible_to(question.user).filter(pk=question.inquiry or 0).first()
    if inquiry is None:
        return {"is_gone": True}
    entries = news(inquiry, question.user, message=asked.get("message") or 0, note=asked.get("note") or 0)
    return {
        "is_gone": False,
        "inquiry": inquiry.pk,
        "html": _entries(request, entries),
        "waiting_since": inquiry.waiting_since.timestamp() if inquiry.waiting_since else None,
        "is_first": inquiry.first_reply_at is None,
        "state": inquiry.state,
        "agent": inquiry.agent_id,
        **_last(inquiry),
    }


def _last(inquiry: Inquiry) -> dict[str, int]:
    """The last message and note: what came after is new."""
    messages = InquiryMessage.objects.filter(inquiry=inquiry).order_by("-pk").values_list("pk", flat=True)
    notes = InquiryNote.objects.filter(inquiry=inquiry).order_by("-pk").values_list("pk", flat=True)
    return {"message": messages.first() or 0, "note": notes.first() or 0}


def _conversation(request: HttpRequest, inquiry: Inquiry, *, at: datetime) -> dict[str, Any]:
    """One conversation with all that belongs to it; a fixed number of queries."""
    user = signed_in(request)
    own = Agent.objects.filter(user=user, is_active=True).first()
    may_answer = Inquiry.objects.answerable_by(user).filter(pk=inquiry.pk).exists()
    entries = talk(inquiry, user)
    side = None
    if request.user.has_perm("customers.view_customer"):
        seen = Customer.objects.visible_to(user).filter(pk=inquiry.customer_id).first()
        side = card_of(seen, request, at=at, inquiry=inquiry) | {"inquiry": None} if seen else None
    may_mute = own and may_answer and not mutes.why_may_not_mute(inquiry.customer, agent=own, user=user)
    shown = {
        "inquiry": inquiry,
        "state": state_badge(inquiry),
        "rating": rating_badge(InquiryRating.objects.filter(inquiry=inquiry).first()),
        "name": side["row_name"] if side else customer_name(inquiry.customer),
        "entries": entries,
        "is_cut": is_cut(entries),
        "may_answer": may_answer,
        "may_write": may_answer and not inquiry.is_closed(),
        "why_not": "" if may_answer else inquiries.why_may_not_answer(inquiry),
        "colleagues": colleagues(user, inquiry, at=at) if may_answer else [],
        "results": Inquiry.Result.choices,
        "may_mute": may_mute,
        "longest_text": inquiries.LONGEST_TEXT,
        "longest_note": LONGEST_NOTE,
        "most_files": MOST_FILES,
        "accept": attachment_rules().accept(),
        "side": side,
        "replies": [reply._asdict() for reply in quick_replies(inquiry, user=user)] if may_answer else [],
    }
    html = render_to_string("admin/customers/desk/conversation.html", shown, request)
    state = {"inquiry": inquiry.pk, "agent": inquiry.agent_id, "state": inquiry.state, **_last(inquiry)}
    return {"html": html, "state_of": state}


def _words() -> dict[str, str]:
    """What the script says by itself."""
    return {
        "sending": _("sending…"),
        "failed": _("not sent"),
        "again": _("Send again"),
        "discard": _("Discard"),
        "offline": _("No connection."),
        "waiting": _("Customers who wait for an answer:"),
        "gone": _("A colleague has this conversation now."),
        "late": _("late"),
        "remove": _("Remove"),
        "you": _("You"),
        "none": _("No quick reply has this code."),
    }


def urls() -> list[Any]:
    """Below admin/desk/."""
    view = admin.site.admin_view
    return [
        path("", view(desk_view), name="desk"),
        path("news/", view(news_view), name="desk-news"),
        path("<int:pk>/", view(desk_view), name="desk-inquiry"),
        path("<int:pk>/earlier/", view(earlier_view), name="desk-earlier"),
        path("<int:pk>/files/<int:attachment>/", view(attachment_view), name="desk-attachment"),
        *[path(f"<int:pk>/{name}/", view(action), name=f"desk-{name}") for name, action in ACTIONS.items()],
    ]

"""Inquiries in the panel: the list, and the page of one with its conversation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Agent, Customer, Inquiry, InquiryRating, InquiryRouting
from customers.services import inquiries
from customers.services.routing_words import sentence

from .base import Chip, Doors, PageAdmin, PanelChangeList
from .binding_forms import AgentForm
from .cells import NOTHING, moment
from .customer_rows import customer_name, notices, with_names
from .inquiry_badges import rating_badge, state_badge
from .staff import signed_in
from .talk import talk

RUNNING = ",".join((Inquiry.State.NEW, Inquiry.State.OPEN))


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Answer"),
        max_length=inquiries.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": gettext_lazy("Write an answer")}),
    )


class InquiryChangeList(PanelChangeList):
    """The list with its quick choices: mine, waiting, all."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        agent = Agent.objects.filter(user=signed_in(request)).first()
        mine = {"agent__id__exact": str(agent.pk), "state__in": RUNNING} if agent else None
        choices = [
            (_("All inquiries"), {}),
            *([(_("My running inquiries"), mine)] if mine else []),
            (_("Waiting for an agent"), {"state__exact": Inquiry.State.WAITING.value}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(Inquiry)
class InquiryAdmin(PageAdmin):
    """Whoever sees a list sees only what the service lets him see; a lead and a manager see all."""

    list_display = ("person", "state_badge", "agent_shown", "reason_shown", "opened", "last_message", "rated", "source")
    list_filter = ("state", "agent", "result", "rating__score", "source")
    list_select_related = ("agent", "source", "rating")
    ordering = ("-last_message_at", "-pk")
    empty_list_text = gettext_lazy(
        "No inquiries yet. They come in by the API (POST /api/v1/inquiries/) when a buyer writes to the shop."
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[InquiryChangeList]:
        return InquiryChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Inquiry]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        seen = Inquiry.objects.visible_to(signed_in(request))
        return seen.prefetch_related(Prefetch("customer", customers))

    def doors(self) -> Doors:
        return {"answer": answer_view, "close": close_view, "give": give_view}

    def page(self, request: HttpRequest, row: Inquiry) -> HttpResponse:
        return inquiry_page(request, row, AnswerForm(), at=timezone.now())

    @admin.display(description=gettext_lazy("customer"))
    def person(self, inquiry: Inquiry) -> SafeString:
        """The name leads to the inquiry, as the first column does everywhere."""
        return customer_name(inquiry.customer)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, inquiry: Inquiry) -> SafeString:
        return state_badge(inquiry)

    @admin.display(description=gettext_lazy("agent"), ordering="agent__display_name")
    def agent_shown(self, inquiry: Inquiry) -> str:
        return str(inquiry.agent or NOTHING)

    @admin.display(description=gettext_lazy("why this agent"))
    def reason_shown(self, inquiry: Inquiry) -> str:
        return inquiry.get_routed_reason_display()

    @admin.display(description=gettext_lazy("opened"), ordering="opened_at")
    def opened(self, inquiry: Inquiry) -> str:
        return moment(inquiry.opened_at)

    @admin.display(description=gettext_lazy("last message"), ordering="last_message_at")
    def last_message(self, inquiry: Inquiry) -> str:
        return moment(inquiry.last_message_at)

    @admin.display(description=gettext_lazy("rating"))
    def rated(self, inquiry: Inquiry) -> SafeString | str:
        return rating_badge(getattr(inquiry, "rating", None))


def inquiry_page(request: HttpRequest, inquiry: Inquiry, form: AnswerForm, *, at: datetime) -> TemplateResponse:
    """The conversation with what can be done; a fixed number of queries."""
    user = signed_in(request)
    customer = with_names(Customer.objects.select_related("agent"), request, at).get(pk=inquiry.customer_id)
    may_answer = Inquiry.objects.answerable_by(user).filter(pk=inquiry.pk).exists()
    rating = InquiryRating.objects.filter(inquiry=inquiry).first()
    may_give = user.has_perm("customers.answer_any_inquiry") and not inquiry.is_closed()
    shown = {
        **admin.site.each_context(request),
        "title": _("Inquiry"),
        "inquiry": inquiry,
        "state": state_badge(inquiry),
        "rating": rating,
        "rating_badge": rating_badge(rating),
        "customer": customer,
        "customer_name": customer_name(customer),
        "notices": notices(customer),
        "card_url": f"{reverse('card')}?{urlencode({'customer': customer.pk})}",
        "said": talk(inquiry, user),
        "form": form if may_answer and not inquiry.is_closed() else None,
        "why_not": "" if may_answer else inquiries.why_may_not_answer(inquiry),
        "agent_form": AgentForm() if may_give else None,
        "routings": _routings(inquiry),
    }
    return TemplateResponse(request, "admin/customers/inquiry/page.html", shown)


def _routings(inquiry: Inquiry) -> list[tuple[str, str]]:
    """Who had it when, and why: the stored decisions, the newest first."""
    rows = InquiryRouting.objects.filter(inquiry=inquiry).select_related("agent", "passed_over", "deputy", "by")
    return [(moment(row.at), sentence(row)) for row in rows.order_by("-pk")]


def _inquiry(request: HttpRequest, pk: int) -> Inquiry:
    user = signed_in(request)
    if not user.has_perm("customers.view_inquiry"):
        raise PermissionDenied
    return get_object_or_404(Inquiry.objects.visible_to(user).select_related("agent"), pk=pk)


@require_POST
def answer_view(request: HttpRequest, pk: int) -> HttpResponse:
    inquiry, form, at = _inquiry(request, pk), AnswerForm(request.POST), timezone.now()
    if not form.is_valid():
        return inquiry_page(request, inquiry, form, at=at)
    try:
        inquiries.answer(inquiry, text=form.cleaned_data["text"], by=signed_in(request), at=at)
    except inquiries.InquiryClosed as error:
        messages.error(request, str(error))
    return redirect(inquiry)


@require_POST
def close_view(request: HttpRequest, pk: int) -> HttpResponse:
    inquiry = _inquiry(request, pk)
    inquiries.close(inquiry, by=signed_in(request), at=timezone.now())
    messages.success(request, _("This inquiry is closed."))
    return redirect("admin:customers_inquiry_changelist")


@require_POST
def give_view(request: HttpRequest, pk: int) -> HttpResponse:
    inquiry, form = _inquiry(request, pk), AgentForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the agent who shall answer."))
        return redirect(inquiry)
    agent = form.cleaned_data["agent"]
    try:
        inquiries.give(inquiry, agent=agent, by=signed_in(request), at=timezone.now())
    except inquiries.InquiryClosed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(agent)s has this inquiry now.") % {"agent": agent})
    return redirect(inquiry)

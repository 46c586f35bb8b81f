"""The pages that ban one customer from buying and lift it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from blocklist.models import Ban, BanRequest, bannable_by
from blocklist.public_text import refusal_texts
from blocklist.services import ban_requests, bans
from blocklist.services.confirmations import will_be_confirmed
from blocklist.services.excerpts import LAST_MESSAGES, excerpt
from blocklist.services.wordings import advices
from customers.admin.customer_page import figures
from customers.admin.customer_rows import customer_name, with_columns
from customers.admin.staff import came_from, signed_in
from customers.models import Customer, Inquiry
from customers.row_ids import row_id
from customers.services.files import CheckedFile

from .evidence_fields import evidence_help
from .forms import BanRequestForm, LiftForm, SingleBanForm
from .open_order_forms import OpenOrdersForm


def ban_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Ban the customer; 403 with the reason for whoever may not; who is banned already is shown with his ban."""
    at = timezone.now()
    customer = _customer(request, pk, at)
    may = bannable_by(signed_in(request), at=at).filter(pk=pk).exists()
    if standing := Ban.objects.standing(at).filter(customer=customer).select_related("by").first():
        status = 200 if may else 403
        return _page(request, customer, "banned_already.html", _("Ban purchase"), status=status, ban=standing, may=may)
    if not may:
        return _may_not_ban(request, customer, at=at)
    form, inquiry = SingleBanForm(request.POST or None, request.FILES or None), asked_inquiry(request, customer)
    orders_form = OpenOrdersForm(request.POST or None, customer=customer, user=signed_in(request))
    if request.method == "POST" and form.is_valid() and orders_form.is_valid():
        chosen = {"type": form.cleaned_data["type"], "note": form.cleaned_data["note"], "until": form.until(at)}
        files = [*form.cleaned_data["evidence"], *talk_of(form, inquiry, at)]
        try:
            bans.ban_purchase(customer, by=signed_in(request), at=at, files=files, **chosen, **orders_form.decisions())
        except bans.MayNotBan:
            return _may_not_ban(request, customer, at=at)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, _("%(name)s is banned from buying, at once.") % {"name": _called(customer)})
            return _back(request)
    why = bans.why_may_ban(customer, signed_in(request))
    asks_manager = will_be_confirmed(customer, signed_in(request))
    shown: dict[str, Any] = {"form": form, "orders_form": orders_form, "why": why, "asks_manager": asks_manager}
    shown |= {"advices": shown_advices(), **evidence_of_form(inquiry)}
    return _page(request, customer, "ban_form.html", _("Ban purchase"), **shown)


def ask_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask those who may to ban the customer; whoever may himself, or finds him banned, is led to the page for that."""
    user, at = signed_in(request), timezone.now()
    customer = _customer(request, pk, at)
    form = BanRequestForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        inquiry = asked_inquiry(request, customer)
        asked = {"type": form.cleaned_data["type"], "note": form.cleaned_data["note"], "days": form.days()}
        files = [*form.cleaned_data["evidence"], *talk_of(form, inquiry, at)]
        try:
            made = ban_requests.request_ban(customer, by=user, at=at, files=files, **asked)
        except ban_requests.NothingToAsk as nothing:
            messages.info(request, str(nothing))
            return redirect("admin:blocklist_ban_customer", pk)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, asked_sentence(made))
            return _back(request)
    if bannable_by(user, at=at).filter(pk=pk).exists():
        return redirect("admin:blocklist_ban_customer", pk)
    return _may_not_ban(request, customer, at=at, form=form, status=200)


def asked_sentence(made: BanRequest) -> str:
    """To whoever asked: whom his request is shown to."""
    if made.shown_to is None:
        return _("The ban is requested. Nobody is there who may decide it yet.")
    return _("The ban is requested; %(user)s is asked first, and you will be told.") % {"user": made.shown_to}


def lift_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift the customer's standing ban with a reason; 403 with the reason for whoever may not."""
    at = timezone.now()
    customer = _customer(request, pk, at)
    standing = Ban.objects.standing(at).filter(customer=customer)
    ban = standing.select_related("by", "customer__agent").first()
    if ban is None:
        messages.info(request, _("This customer is not banned."))
        return _back(request)
    if not standing.liftable_by(signed_in(request), at=at).exists():
        return _refusal(
            request, customer, _("Lift ban"), bans.why_may_not_lift(ban, signed_in(request), at=at), ban=ban
        )
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            bans.lift_ban(customer, reason=form.cleaned_data["reason"], by=signed_in(request), at=at)
        except bans.MayNotBan as refusal:
            return _refusal(request, customer, _("Lift ban"), str(refusal), ban=ban)
        except bans.NotBanned as nothing:
            messages.info(request, str(nothing))
        else:
            messages.success(request, _("%(name)s may buy again.") % {"name": _called(customer)})
        return _back(request)
    return _page(request, customer, "lift_form.html", _("Lift ban"), form=form, ban=ban)


def asked_inquiry(request: HttpRequest, customer: Customer) -> Inquiry | None:
    """The conversation that one comes from (`?inquiry=`), to be attached; 404 where it is not his or is not seen."""
    asked = request.POST.get("inquiry") or request.GET.get("inquiry")
    if not asked:
        return None
    if not request.user.has_perm("customers.view_inquiry"):
        raise Http404
    return get_object_or_404(Inquiry.objects.visible_to(signed_in(request)), customer=customer, pk=row_id(asked) or 0)


def talk_of(form: Form, inquiry: Inquiry | None, at: datetime) -> list[CheckedFile]:
    """The last messages of the conversation that one comes from, unless one wants them left out."""
    return [] if inquiry is None or form.cleaned_data["without_talk"] else excerpt(inquiry, at=at)


def evidence_of_form(inquiry: Inquiry | None) -> dict[str, Any]:
    """What `evidence_fields.html` needs beside the form."""
    return {"inquiry": inquiry, "evidence_help": evidence_help(), "last_messages": LAST_MESSAGES}


def shown_advices() -> list[tuple[str, str, str]]:
    """The advice about each malicious type, in the language of the page, for `advice.html`."""
    said = advices(get_language() or settings.LANGUAGE_CODE)
    return [(type.value, str(type.label), said[type]) for type in Ban.Type]


def shown_advice(type: str) -> str:
    """The advice about one malicious type, in the language of the page."""
    return advices(get_language() or settings.LANGUAGE_CODE)[type]


def show_errors(form: Form, error: ValidationError) -> None:
    """Say at the fields of the form what the service found wrong."""
    fields = {"until": "last_day", "files": "evidence"}
    for name, sentences in error.message_dict.items():
        field = fields.get(name, name)
        form.add_error(field if field in form.fields else None, sentences)


def _customer(request: HttpRequest, pk: int, at: datetime) -> Customer:
    user = signed_in(request)
    if not user.has_perm("customers.view_customer"):
        raise PermissionDenied
    return get_object_or_404(with_columns(Customer.objects.visible_to(user), request, at), pk=pk)


def _called(customer: Customer) -> str:
    account = next(iter(customer.accounts.all()), None)
    return account.nick or account.external_id if account else str(customer)


def _refusal(request: HttpRequest, customer: Customer, title: str, reason: str, **context: Any) -> TemplateResponse:
    return _page(request, customer, "may_not_ban.html", title, status=403, reason=reason, **context)


def _may_not_ban(
    request: HttpRequest, customer: Customer, *, at: datetime, form: BanRequestForm | None = None, status: int = 403
) -> TemplateResponse:
    """Why not, and the form that asks those who may."""
    user = signed_in(request)
    why_not_ask = ban_requests.why_may_not_ask(customer, user)
    asked = BanRequest.objects.open().filter(customer=customer).select_related("by", "shown_to").first()
    shown = {
        "reason": bans.why_may_not_ban(customer, user, at=at),
        "open_request": asked,
        "form": None if why_not_ask else form or BanRequestForm(initial={"type": asked.type} if asked else None),
        **evidence_of_form(asked_inquiry(request, customer)),
    }
    return _page(request, customer, "may_not_ban.html", _("Request a ban"), status=status, **shown)


def _page(
    request: HttpRequest, customer: Customer, template: str, title: str, *, status: int = 200, **context: Any
) -> TemplateResponse:
    shown = {
        **admin.site.each_context(request),
        "title": title,
        "customer": customer,
        "customer_name": customer_name(customer),
        "figures": figures(customer),
        "next": _next(request),
        "ban_query": request.GET.urlencode(),
        "public_texts": refusal_texts(),
        **context,
    }
    return TemplateResponse(request, f"admin/blocklist/{template}", shown, status=status)


def _next(request: HttpRequest) -> str:
    return came_from(request, default=reverse("admin:customers_customer_changelist"))


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(_next(request))

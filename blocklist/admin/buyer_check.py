"""The page that asks the purchase gate about a buyer: may he buy now, and why not?"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.admin.buyer_form import BuyerForm, seen_buyer, shown_decision
from customers.admin.customer_rows import linked_name, with_names
from customers.admin.staff import signed_in
from customers.gates import Door, Question, ask
from customers.models import Customer


def check_view(request: HttpRequest) -> HttpResponse:
    """Asks as an order would; what is not simply allowed is logged with who asked."""
    user = signed_in(request)
    if not user.has_perms(["blocklist.view_attempt", "customers.view_customer"]):
        raise PermissionDenied
    form = BuyerForm(request.POST if request.method == "POST" else None)
    shown: dict[str, Any] = {**admin.site.each_context(request), "title": _("Check a buyer"), "form": form}
    if request.method == "POST" and form.is_valid():
        shown |= _answer(form, request)
    return TemplateResponse(request, "admin/blocklist/attempt/check.html", shown)


def _answer(form: BuyerForm, request: HttpRequest) -> dict[str, Any]:
    user, at, buyer = signed_in(request), timezone.now(), form.buyer()
    decision = ask(Question(buyer=buyer, door=Door.PANEL, at=at, amount=form.cleaned_data["amount"], by=user))
    customer, is_hidden = seen_buyer(buyer, user)
    found = with_names(Customer.objects.filter(pk=customer.pk), request, at).first() if customer else None
    return {
        "shown": shown_decision(decision, user),
        "buyer": linked_name(found) if found else "",
        "is_hidden": is_hidden,
    }

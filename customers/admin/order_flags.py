"""The seller's flag and memo on an order (插旗, 商家备忘), changed in one click wherever an order is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from customers.models import Customer, Order, User
from customers.services.orders import MayNotChangeOrder, update_order

from .staff import asks_for_json, came_from, signed_in

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

LONGEST_MEMO = 2000
MAY_EDIT = "may_edit"


class FlagForm(forms.Form):
    flag = forms.TypedChoiceField(choices=Order.Flag.choices, coerce=int)


class MemoForm(forms.Form):
    """Its field is named after the order: in a list, one form holds the memos of many."""

    memo = forms.CharField(max_length=LONGEST_MEMO, required=False)


def order_flag(order: Order, request: HttpRequest, *, may_edit: bool, in_form: bool = False) -> SafeString:
    """The component of admin/customers/order_flag.html, which says what it shows, for a cell of a list."""
    shown = {"order": order, "may_edit": may_edit, "in_form": in_form}
    return render_to_string("admin/customers/order_flag.html", shown, request)


def with_right_to_edit(customers: CustomerQuerySet, user: User) -> CustomerQuerySet:
    """Adds `may_edit`: whether this staff user may change the customer, so what stands on his orders too."""
    editable = Customer.objects.editable_by(user).filter(pk=OuterRef("pk"))
    return customers.annotate(**{MAY_EDIT: Exists(editable)})


@require_POST
def flag_view(request: HttpRequest, pk: int) -> HttpResponse:
    return _write(request, pk, FlagForm(request.POST), done=_("The flag is set."))


@require_POST
def memo_view(request: HttpRequest, pk: int) -> HttpResponse:
    return _write(request, pk, MemoForm(request.POST, prefix=str(pk)), done=_("The memo is saved."))


def _write(request: HttpRequest, pk: int, form: forms.Form, *, done: str) -> HttpResponse:
    user = signed_in(request)
    if not user.has_perm("customers.view_order"):
        raise PermissionDenied
    order = get_object_or_404(Order.objects.visible_to(user), pk=pk)
    if not form.is_valid():
        return _answer(request, order, error=" ".join(_sentences(form)), status=400)
    try:
        update_order(order, at=timezone.now(), by=user, **form.cleaned_data)
    except MayNotChangeOrder as error:
        return _answer(request, order, error=str(error), status=403)
    return _answer(request, order, done=done)


def _sentences(form: forms.Form) -> list[str]:
    return [f"{form[name].label}: {sentence}" for name, found in form.errors.items() for sentence in found]


def _answer(request: HttpRequest, order: Order, *, done: str = "", error: str = "", status: int = 200) -> HttpResponse:
    """To a script as JSON; to a browser the page that it came from, with the sentence on it."""
    if asks_for_json(request):
        told: dict[str, Any] = {"error": error} if error else {"flag": order.flag, "memo": order.memo}
        return JsonResponse(told, status=status)
    if status == 403:
        raise PermissionDenied(error)
    if error:
        messages.error(request, error)
    else:
        messages.success(request, done)
    return redirect(came_from(request, default=order.get_absolute_url()))

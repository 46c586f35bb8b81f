"""Keeping, changing and deleting the saved views of the customer list, and choosing its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.filters import InvalidFilter, stored
from customers.models import SavedFilter
from customers.row_ids import row_id
from customers.services import saved_filters

from .list_address import ALL, VIEW, list_address
from .staff import came_from, signed_in

REFUSALS = (InvalidFilter, saved_filters.MayNotChange, saved_filters.NameTaken, saved_filters.StillUsed)


class ViewForm(forms.Form):
    """A view. The filter values that it keeps are those of the address that the form is sent to."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    is_shared = forms.BooleanField(label=gettext_lazy("Shared with all staff"), required=False)
    order = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)


def saved_view_urls(door: Callable[..., Any]) -> list[URLPattern]:
    return [
        path("columns/", door(columns_view), name="customers_customer_columns"),
        path("views/add/", door(add_view), name="customers_savedfilter_add"),
        path("views/<int:pk>/change/", door(change_view), name="customers_savedfilter_change"),
        path("views/<int:pk>/open/", door(open_view), name="customers_savedfilter_open"),
        path("views/<int:pk>/delete/", door(delete_view), name="customers_savedfilter_delete"),
    ]


@require_POST
def add_view(request: HttpRequest) -> HttpResponse:
    """Keep what the list shows under a name."""
    _require(request, "customers.add_savedfilter")
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _refused(request, _said(form))
    address, by, at = list_address(request), signed_in(request), timezone.now()
    values = stored(address.values)
    try:
        saved = saved_filters.create(by=by, at=at, values=values, columns=address.columns, **form.cleaned_data)
    except REFUSALS as error:
        return _refused(request, _sentence(error))
    messages.success(request, _("The view %(name)s was saved.") % {"name": saved.name})
    return redirect(saved)


@require_POST
def change_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename or share a view; with `keep`, let it keep what the list shows now."""
    saved, form = _seen(request, pk, "customers.change_savedfilter"), ViewForm(request.POST)
    if not form.is_valid():
        return _refused(request, _said(form))
    asked = dict(form.cleaned_data)
    if "keep" in request.POST:
        asked["values"] = stored(list_address(request).values)
    else:
        del asked["order"]
    try:
        saved_filters.change(saved, by=signed_in(request), at=timezone.now(), **asked)
    except REFUSALS as error:
        return _refused(request, _sentence(error))
    messages.success(request, _("The view %(name)s was saved.") % {"name": saved.name})
    return redirect(saved)


@require_POST
def open_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Let one's list open with this view, or, with `stop`, with all customers."""
    saved = _seen(request, pk, "customers.view_savedfilter")
    saved_filters.open_with(None if "stop" in request.POST else saved, by=signed_in(request))
    return redirect(saved)


@require_POST
def delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    saved = _seen(request, pk, "customers.delete_savedfilter")
    try:
        saved_filters.delete(saved, by=signed_in(request), at=timezone.now())
    except REFUSALS as error:
        return _refused(request, _sentence(error))
    messages.success(request, _("The view %(name)s was deleted.") % {"name": saved.name})
    return redirect(f"{_list()}?{VIEW}={ALL}")


@require_POST
def columns_view(request: HttpRequest) -> HttpResponse:
    """Choose the columns: of the view that is shown where one may change it, else of one's own list."""
    _require(request, "customers.view_customer")
    user, columns = signed_in(request), request.POST.getlist("columns")
    view = row_id(request.POST.get(VIEW))
    base = SavedFilter.objects.editable_by(user).filter(pk=view).first() if view else None
    try:
        if base:
            saved_filters.change(base, by=user, at=timezone.now(), columns=columns)
        else:
            saved_filters.choose_columns(columns, by=user)
    except REFUSALS as error:
        return _refused(request, _sentence(error))
    return redirect(came_from(request, default=_list()))


def _require(request: HttpRequest, permission: str) -> None:
    if not signed_in(request).has_perms(["customers.view_customer", permission]):
        raise PermissionDenied


def _seen(request: HttpRequest, pk: int, permission: str) -> SavedFilter:
    """Raises Http404 for a view that is not there or not his to see, PermissionDenied without the right."""
    _require(request, permission)
    return get_object_or_404(SavedFilter.objects.visible_to(signed_in(request)), pk=pk)


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect(came_from(request, default=_list()))


def _said(form: forms.Form) -> str:
    return " ".join(f"{form[name].label}: {' '.join(map(str, found))}" for name, found in form.errors.items())


def _sentence(error: Exception) -> str:
    if isinstance(error, InvalidFilter):
        return " ".join(f"{name}: {' '.join(found)}" for name, found in error.errors.items())
    return str(error)


def _list() -> str:
    return reverse("admin:customers_customer_changelist")

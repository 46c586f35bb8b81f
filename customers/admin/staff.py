from __future__ import annotations

from typing import Any, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme

from customers.models import Customer, User
from customers.models.customer import sees_all

Rows = TypeVar("Rows", bound="QuerySet[Any]")


def signed_in(request: HttpRequest) -> User:
    """Who asks. The admin site lets nobody in who is not a member of the staff."""
    return cast(User, request.user)


def came_from(request: HttpRequest, *, default: str) -> str:
    """The page of this site that `next` names, to go back to; never another site."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    # a word without a slash would be taken for the name of a view
    return asked if here and asked.startswith(("/", "http://", "https://")) else default


def seen_customer(request: HttpRequest, pk: int) -> Customer:
    """The customer whom a door is about; one whom the user does not see is not there."""
    user = signed_in(request)
    if not user.has_perm("customers.view_customer"):
        raise PermissionDenied
    return get_object_or_404(Customer.objects.visible_to(user).select_related("agent"), pk=pk)


def of_seen_customers(rows: Rows, request: HttpRequest) -> Rows:
    """Those rows of a list that are about nobody known, or about a customer whom the user sees."""
    user = signed_in(request)
    if sees_all(user):
        return rows
    return rows.filter(Q(customer=None) | Q(customer__in=Customer.objects.visible_to(user)))


def asks_for_json(request: HttpRequest) -> bool:
    """Whether a script asks, which shows the answer in place; a browser would rather have a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"

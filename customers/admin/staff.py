from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from customers.models import User


def signed_in(request: HttpRequest) -> User:
    """Who asks. The admin site lets nobody in who is not a member of the staff."""
    return cast(User, request.user)


def came_from(request: HttpRequest, *, default: str) -> str:
    """The page of this site that `next` names, to go back to; never another site."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if here else default

"""Who may do what through the API, and which rows he may see there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from customers.models import ApiKey, Customer, Source, User

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from customers.models.customer import CustomerQuerySet


class Access(NamedTuple):
    """What an operation asks of a key (`scope`), and of a staff user or of a key that acts as one (`permission`)."""

    scope: str
    permission: str


class AccessPermission(BasePermission):
    """Reads the view's table `access`: an `Access` by action. An action that is not in the table is nobody's."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        action = getattr(view, "action", None)
        if action in (None, "metadata"):
            return True  # the view has no such method and answers 405, or tells what it has (OPTIONS)
        if asking_key(request) is None and not request.user.is_authenticated:
            return False
        require(request, view.access[action])  # type: ignore[attr-defined]
        return True


def asking_key(request: Request) -> ApiKey | None:
    """The key of the request; None where a staff user asks with his session."""
    return request.auth if isinstance(request.auth, ApiKey) else None


class Asker(TypedDict):
    """Who asks the purchase gate."""

    key: ApiKey | None
    by: User | None


def asker(request: Request) -> Asker:
    """The key, the staff user, or the key with the staff user as whom it acts."""
    return {"key": asking_key(request), "by": request.user if isinstance(request.user, User) else None}


def require(request: Request, needed: Access) -> None:
    """Raise PermissionDenied (403) where the key lacks the scope, or the staff user, also the key's, the permission."""
    key = asking_key(request)
    if key is not None and needed.scope not in key.scopes:
        raise PermissionDenied(_("This key lacks the scope %(scope)s.") % {"scope": needed.scope}, code="scope_missing")
    if key is not None and key.user is None:
        return
    user = request.user
    if not (user.is_authenticated and user.is_staff and user.has_perm(needed.permission)):
        raise PermissionDenied


def acting_user(request: Request) -> User:
    """The staff user in whose name something is done. Raises PermissionDenied for a key that names none."""
    if isinstance(request.user, User):
        return request.user
    raise PermissionDenied(
        _("This key names no staff user, so it may not bind, ban, lift or send."), code="key_without_user"
    )


def visible_customers(request: Request) -> CustomerQuerySet:
    """A key sees the customers of its own source; a staff user, also a key's, those whom he sees in the panel."""
    key, user = asking_key(request), request.user
    customers = Customer.objects.known_to(key.source) if key else Customer.objects.all()
    return customers.visible_to(user) if isinstance(user, User) else customers.unmerged()


def asked_customer(request: Request, pk: int) -> Customer:
    """The customer of a path; whoever was merged into another is answered as that one. Raises 404."""
    kept = Customer.objects.kept_instead_of(pk)
    return get_object_or_404(visible_customers(request), pk=kept.pk if kept else pk)


def require_visible(request: Request, customer: Customer | None) -> None:
    """Raise PermissionDenied where a staff user, also a key's, names a customer whom he does not see in the panel."""
    user = request.user
    if customer and isinstance(user, User) and not Customer.objects.visible_to(user).filter(pk=customer.pk).exists():
        raise PermissionDenied(_("This is the customer of another agent."), code="not_his_agent")


def asked_source(request: Request, code: str | None) -> Source:
    """The source that the request is about: by default the key's own. A staff user must name it.

    Raises PermissionDenied where a key names another source, one that does not exist included, so that a key cannot
    learn which others there are. ValidationError where a staff user names none or an unknown one.
    """
    key = asking_key(request)
    if key is not None:
        if code and code != key.source.code:
            raise PermissionDenied(_("This key belongs to another source."), code="foreign_source")
        return key.source
    if not code:
        raise ValidationError({"source": _("Name the source.")}, code="required")
    source = Source.objects.filter(code=code).first()
    if source is None:
        raise ValidationError({"source": _("There is no such source.")}, code="unknown_source")
    return source

"""`Authorization: Bearer <key>`: who the REST client is."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from customers.models import ApiKey, User
from customers.services.api_keys import find_key, note_use


class KeyAuthentication(BaseAuthentication):
    """`request.auth` is the key, `request.user` the staff user whom it names, or nobody."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, ApiKey] | None:
        scheme, _blank, secret = get_authorization_header(request).decode("latin-1").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        at = timezone.now()
        key = find_key(secret.strip(), at=at)
        if key is None:
            raise AuthenticationFailed(_("This key is unknown, expired or revoked."), code="invalid_key")
        note_use(key, at=at)
        return key.user or AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "customers.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}

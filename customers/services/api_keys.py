"""The keys of REST clients: making one, recognising one, noting its use."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CharField, DateTimeField, Q
from django.utils.translation import gettext as _

from customers.models import ApiKey, Source, User
from customers.prepared import Prepared, Slot

from . import audit

# Says what the string is to whoever finds one, and to the scanners that look for leaked keys.
PREFIX = "crmkey_"
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create_key(
    name: str,
    *,
    source: Source,
    scopes: Iterable[str],
    at: datetime,
    user: User | None = None,
    by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key and return it with its secret, which stands nowhere else and cannot be shown again.

    Raises ValidationError for a scope that does not exist, for none at all, and for a user who is no active staff.
    """
    scopes = sorted(set(scopes))
    if not scopes:
        raise ValidationError({"scopes": _("Name at least one scope.")})
    if unknown := [scope for scope in scopes if scope not in settings.API_SCOPES]:
        raise ValidationError({"scopes": _("There is no scope %(scope)s.") % {"scope": unknown[0]}})
    if user is not None and not (user.is_active and user.is_staff):
        raise ValidationError({"user": _("A key acts as an active member of the staff only.")})
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            source=source,
            user=user,
            key_hash=hash_key(secret),
            scopes=scopes,
            created_at=at,
            expires_at=expires_at,
        )
        audit.record("api_key.created", ApiKey.objects.filter(pk=key.pk), by=by, at=at, fields=["scopes", "user"])
    return key, secret


def find_key(secret: str, *, at: datetime) -> ApiKey | None:
    """The usable key with this secret, with its source and user, in one query.

    None for an unknown, expired or revoked one, and for one whose user has left the staff.
    """
    key = _usable_key().first(at=at, key_hash=hash_key(secret))
    if key is None or (key.user is not None and not (key.user.is_active and key.user.is_staff)):
        return None
    return key


@cache
def _usable_key() -> Prepared[ApiKey]:
    usable = ApiKey.objects.usable(Slot("at", DateTimeField())).select_related("source", "user")
    return Prepared(usable.filter(key_hash=Slot("key_hash", CharField())))


def note_use(key: ApiKey, *, at: datetime) -> None:
    """Write when the key was last used, at most once a minute, so that a busy client does not write at each request."""
    stale = at - USE_IS_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= stale:
        unnoted = ApiKey.objects.filter(Q(last_used_at__isnull=True) | Q(last_used_at__lte=stale), pk=key.pk)
        unnoted.update(last_used_at=at)


def hash_key(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()

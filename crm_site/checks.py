"""What `manage.py check`, and with it every start of a process, finds wrong in the settings before a customer does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from customers.gates import PurchaseGate
from messaging.channels import Channel
from messaging.channels.mail_text import sender_address

from .processes import is_loopback


@register(Tags.compatibility)
def named_classes(**kwargs: Any) -> list[CheckMessage]:
    """Each class that a setting names can be loaded and is of the kind that is asked for."""
    return [
        *_not_of_kind("PURCHASE_GATES", settings.PURCHASE_GATES, PurchaseGate),
        *_not_of_kind("CHANNELS", settings.CHANNELS.values(), Channel),
    ]


def _not_of_kind(setting: str, paths: Iterable[str], kind: type) -> Iterable[CheckMessage]:
    for path in paths:
        try:
            named = import_string(path)
        except ImportError as error:
            yield Error(f"{setting} names {path}, which cannot be loaded: {error}", id="crm_site.E001")
        else:
            if not (isinstance(named, type) and issubclass(named, kind)):
                yield Error(f"{setting} names {path}, which is no {kind.__name__}.", id="crm_site.E002")


@register(Tags.compatibility)
def mail_settings(**kwargs: Any) -> list[CheckMessage]:
    """Messages have a sender, and their links lead somewhere."""
    found: list[CheckMessage] = []
    if not sender_address():
        found.append(Error("DEFAULT_FROM_EMAIL is no e-mail address.", id="crm_site.E007"))
    if not (settings.PUBLIC_URL.isascii() and settings.PUBLIC_URL.startswith(("https://", "http://"))):
        found.append(Error("PUBLIC_URL is no https:// or http:// address.", id="crm_site.E008"))
    return found


@register(Tags.compatibility, deploy=True)
def mail_server(**kwargs: Any) -> list[CheckMessage]:
    """A broadcast that is printed has not been sent, though its ledger says so."""
    if settings.EMAIL_BACKEND != "django.core.mail.backends.console.EmailBackend":
        return []
    return [Warning("EMAIL_URL is not set, so e-mails are printed instead of sent.", id="crm_site.W002")]


@register(Tags.security)
def real_secret(**kwargs: Any) -> list[CheckMessage]:
    """A real shop does not run on the secret that everybody can read in the source."""
    if settings.DEBUG or settings.SECRET_KEY != settings.DEVELOPMENT_SECRET:
        return []
    return [Error("SECRET_KEY is the development secret while DEBUG is off.", id="crm_site.E003")]


@register(Tags.security)
def debug_stays_at_home(**kwargs: Any) -> list[CheckMessage]:
    """DEBUG shows settings and code to whoever causes an error."""
    public = [name for name in (settings.HOST, *settings.ALLOWED_HOSTS) if not is_loopback(name)]
    if not (settings.DEBUG and public):
        return []
    return [Error(f"DEBUG is on while {public[0]} may be reached by others. Set DEBUG=false.", id="crm_site.E004")]


@register(Tags.security)
def public_host_has_a_name(**kwargs: Any) -> list[CheckMessage]:
    """Who listens for others must know by which names they call him, or every request is refused."""
    if settings.DEBUG or is_loopback(settings.HOST):  # DEBUG is turned off first
        return []
    if not all(is_loopback(name) for name in settings.ALLOWED_HOSTS):
        return []
    sentence = f"HOST={settings.HOST} can be reached by others, so name it to them: ALLOWED_HOSTS=crm.example.com"
    return [Error(sentence, id="crm_site.E005")]


@register(Tags.security, deploy=True)
def keys_are_no_examples(**kwargs: Any) -> list[CheckMessage]:
    """Keys that somebody typed, or copied from the source, can be guessed. The demo is allowed to, a real shop not."""
    secret = settings.SECRET_KEY
    guessable = {
        "SECRET_KEY": len(secret) < 32 or len(set(secret)) < 8 or secret.startswith("django-insecure-"),
        "CONTACT_HASH_KEY": _contact_key(settings.DEVELOPMENT_SECRET) == settings.CONTACT_HASH_KEY,
    }
    advice = "Leave it out and `make serve` makes one, or set 50 random characters."
    return [
        Error(f"{name} is an example or too short. {advice}", id="crm_site.E006")
        for name, is_guessable in guessable.items()
        if is_guessable
    ]


@register(Tags.security, deploy=True)
def own_contact_key(**kwargs: Any) -> list[CheckMessage]:
    """Where contacts are hashed with SECRET_KEY, changing that one makes all of them unfindable."""
    if _contact_key(settings.SECRET_KEY) != settings.CONTACT_HASH_KEY:
        return []
    return [Warning("CONTACT_HASH_KEY is not set, so SECRET_KEY can never be changed.", id="crm_site.W001")]


def _contact_key(key: str) -> bytes:
    """The setting CONTACT_HASH_KEY where this one is given."""
    return hashlib.sha256(key.encode()).digest()

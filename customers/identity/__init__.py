"""Identifiers of a person: how a value is normalised, hashed, masked and recognised as useless."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

from .addresses import normalise_address
from .normalising import normalise_email, normalise_phone, normalise_text

__all__ = [
    "NORMALISERS",
    "VERSION",
    "Identity",
    "contact_key",
    "is_masked",
    "masked",
    "normalise_email",
    "normalise_phone",
    "stored_key",
]

MASK = "*"
# Of the normalisers. Who changes what one of them makes of any value counts on: stored keys are then made anew.
VERSION = 2


@dataclass(frozen=True)
class Identity:
    """What a storefront tells of a buyer; any field may be empty."""

    source_id: int
    nick: str = ""
    external_id: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.nick or self.external_id or self.contact_keys())

    def names(self) -> dict[str, str]:
        """What can be looked up: nick and external id as they stand, contact values by their keys; no masked one."""
        nick = "" if is_masked(self.nick) else self.nick
        accounts = {"nick": nick, "external_id": self.external_id}
        return {name: value for name, value in accounts.items() if value} | self.contact_keys()

    def contact_values(self) -> dict[str, str]:
        """The contact values that were told, by kind."""
        values = {"phone": self.phone, "email": self.email, "address": self.address}
        return {kind: value for kind, value in values.items() if value}

    def contact_keys(self) -> dict[str, str]:
        """Keyed hashes by kind, of those values that can serve as a key."""
        keys = {kind: contact_key(kind, value) for kind, value in self.contact_values().items()}
        return {kind: key for kind, key in keys.items() if key}


def is_masked(value: str) -> bool:
    """Whether a marketplace starred the value out (`张**`, `138****0000`): such a value names nobody."""
    return MASK in value


NORMALISERS = {
    "phone": normalise_phone,
    "email": normalise_email,
    "address": normalise_address,
    "name": normalise_text,
}


def contact_key(kind: str, value: str) -> str:
    """Keyed hash (HMAC-SHA-256, hex) of the normalised value; empty where the value can name nobody."""
    if is_masked(value):
        return ""
    normal = NORMALISERS[kind](value)
    if not normal:
        return ""
    return _hashed(f"{kind}:{normal}")


def stored_key(kind: str, value: str, customer: int) -> str:
    """The key under which a customer's value is kept. One that can name nobody has a key that nobody else can have.

    So a virtual number, or an address without a door, is there to be read and written to, and is never matched.
    """
    return contact_key(kind, value) or "~" + _hashed(f"{customer}:{kind}:{value}")[1:]


def _hashed(text: str) -> str:
    return hmac.new(settings.CONTACT_HASH_KEY, text.encode(), hashlib.sha256).hexdigest()


def masked(kind: str, value: str) -> str:
    """The value as shown to those who may not see it."""
    if kind == "phone":
        return value[:3] + "****" + value[-2:] if len(value) > 6 else "****"
    if kind == "email":
        name, _, domain = value.partition("@")
        return f"{name[:1]}***@{domain}"
    return value[:1] + "***"

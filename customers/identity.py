"""Identifiers of a person: how a value is normalised, hashed, masked and recognised as useless."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from django.conf import settings

MASK = "*"


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


def normalise_phone(value: str) -> str:
    """E.164, or empty where the value is no complete phone number. An extension marks a virtual number: empty."""
    try:
        number = phonenumbers.parse(value.lstrip("'"), settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(value: str) -> str:
    """Lower case without blanks, or empty where it is no address."""
    value = value.strip().casefold()
    return value if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) else ""


def normalise_text(value: str) -> str:
    """Width and case folded, without blanks and punctuation: for names and addresses."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return "".join(ch for ch in folded if ch.isalnum())


NORMALISERS = {
    "phone": normalise_phone,
    "email": normalise_email,
    "address": normalise_text,
    "name": normalise_text,
}


def contact_key(kind: str, value: str) -> str:
    """Keyed hash (HMAC-SHA-256, hex) of the normalised value; empty where the value can name nobody."""
    if is_masked(value):
        return ""
    normal = NORMALISERS[kind](value)
    if not normal:
        return ""
    return hmac.new(settings.CONTACT_HASH_KEY, f"{kind}:{normal}".encode(), hashlib.sha256).hexdigest()


def masked(kind: str, value: str) -> str:
    """The value as shown to those who may not see it."""
    if kind == "phone":
        return value[:3] + "****" + value[-2:] if len(value) > 6 else "****"
    if kind == "email":
        name, _, domain = value.partition("@")
        return f"{name[:1]}***@{domain}"
    return value[:1] + "***"

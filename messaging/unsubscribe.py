"""The link with which a customer opts out: what it names is signed, and it is valid for ever."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse


@dataclass(frozen=True)
class Unsubscription:
    """Who opts out of what, and which broadcast made him do it."""

    broadcast: int
    customer: int
    channel: str


def _signer() -> Signer:
    return Signer(salt="messaging.unsubscribe")


def token(asked: Unsubscription) -> str:
    """Always the same for the same values, so that a message sent again is the same message."""
    return _signer().sign_object([asked.broadcast, asked.customer, asked.channel])


def read_token(text: str) -> Unsubscription | None:
    """What the token names; None where we have not signed it."""
    try:
        broadcast, customer, channel = _signer().unsign_object(text)
    except BadSignature:
        return None
    return Unsubscription(broadcast=broadcast, customer=customer, channel=channel)


def page_address() -> str:
    """Where the pages stand; the token belongs behind it, and a slash."""
    return str(settings.PUBLIC_URL).rstrip("/") + reverse("unsubscribe", args=["-"]).removesuffix("-/")

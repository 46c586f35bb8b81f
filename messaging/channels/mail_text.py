"""The MIME text of a broadcast: built once per language, filled per recipient by joining strings.

Two alternatives (RFC 2046), both UTF-8 in base64: so nothing that a product's name or a nick holds can end a line,
start one with a dot, make it too long or look like a boundary.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext as _

from messaging.models import Broadcast
from messaging.rendering import around_nick, called
from messaging.unsubscribe import Unsubscription, page_address, token

from .base import Recipient
from .headers import mailbox, one_line, sendable_address, unstructured

# No line of base64 holds an underscore.
BOUNDARY = "_part_of_the_broadcast_"


def sender_address() -> str:
    """The address that broadcasts come from, for the envelope."""
    return sendable_address(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])


def message_id(broadcast: int, customer: int, *, domain: str) -> str:
    """The same for every attempt, so that receivers recognise a second copy; tells neither customer nor address.

    The key is the one that never changes.
    """
    told = hmac.digest(settings.CONTACT_HASH_KEY, f"message-id:{broadcast}:{customer}".encode(), hashlib.sha256)
    return f"<{told[:16].hex()}@{domain}>"


@dataclass(frozen=True)
class MailText:
    """A broadcast in one language. The pieces of a text stand around the nick, those of a body before the link too."""

    broadcast: int
    channel: str
    language: str
    subject: list[str]
    plain: list[str]
    html: list[str]
    stranger: str
    sender: str
    domain: str
    page: str

    def fill(self, recipient: Recipient, address: str, *, at: datetime) -> bytes:
        """The whole message for one recipient, lines ended by CRLF. `address` is one that SMTP can take."""
        nick = one_line(recipient.nick).strip()
        link = self.page + token(Unsubscription(self.broadcast, recipient.customer, self.channel)) + "/"
        shown = nick or self.stranger
        return "\r\n".join(
            (
                f"From: {self.sender}",
                f"To: {mailbox(nick, address)}",
                f"Subject: {unstructured(shown.join(self.subject))}",
                f"Date: {format_datetime(at)}",
                f"Message-ID: {message_id(self.broadcast, recipient.customer, domain=self.domain)}",
                f"List-Unsubscribe: <{link}>",
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                f"Content-Language: {self.language}",
                "Auto-Submitted: auto-generated",
                "MIME-Version: 1.0",
                f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
                "",
                _part("plain", f"{shown.join(self.plain)}{link}\r\n"),
                _part("html", f'{escape(shown).join(self.html)}<a href="{link}">{link}</a></p></body></html>\r\n'),
                f"--{BOUNDARY}--",
                "",
            )
        ).encode("ascii")


def prepare(broadcast: Broadcast, language: str) -> MailText:
    """Everything that is the same for all who read this language; a language that we have not is the shop's."""
    language = _known(language)
    with translation.override(language):
        plain = around_nick(broadcast.body, broadcast=broadcast)
        why = _("You get this as a customer of our shop. To get no more of it:")
        return MailText(
            broadcast=broadcast.pk,
            channel=broadcast.channel,
            language=language,
            subject=[one_line(piece) for piece in around_nick(broadcast.subject, broadcast=broadcast)],
            plain=[*map(_lines, plain[:-1]), f"{_lines(plain[-1])}\r\n\r\n-- \r\n{why}\r\n"],
            html=_html(plain, language=language, why=why),
            stranger=called(""),
            sender=mailbox(parseaddr(settings.DEFAULT_FROM_EMAIL)[0], sender_address()),
            domain=sender_address().rpartition("@")[2],
            page=page_address(),
        )


def _known(language: str) -> str:
    try:
        return translation.get_supported_language_variant(language or settings.LANGUAGE_CODE)
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def _lines(text: str) -> str:
    """Any line ends as CRLF, as text parts have them."""
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _html(pieces: list[str], *, language: str, why: str) -> list[str]:
    """The same text as a simple page, everything escaped."""
    html = [escape(_lines(piece)).replace("\r\n", "<br>\r\n") for piece in pieces]
    html[0] = f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"></head><body><p>{html[0]}'
    html[-1] = f"{html[-1]}</p><hr><p>{escape(why)}<br>"
    return html


def _part(subtype: str, text: str) -> str:
    encoded = encodebytes(text.encode(errors="replace")).decode("ascii").replace("\n", "\r\n")
    return (
        f"--{BOUNDARY}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{encoded}"
    )

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import gettext_lazy as _

from customers import identity
from customers.models import Account, ContactValue
from messaging.models import Broadcast, Delivery

from .base import Connection, Outcome, OutsideChannel, Recipient
from .headers import sendable_address
from .mail_text import MailText, prepare, sender_address

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet
    from messaging.models.delivery import DeliveryQuerySet

# Enhanced status codes (RFC 3463) that speak of the recipient's address; without one, the plain codes that do.
_ENHANCED = re.compile(rb"\s*5\.\d{1,3}\.\d{1,3}\b")
_ADDRESS_FAULT = re.compile(rb"\s*5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
_ADDRESS_CODES = {550, 551, 553}
CLOSING = 421


class EmailChannel(OutsideChannel):
    """E-mail through Django's mail backend, which EMAIL_URL chooses; over SMTP by one kept-alive connection."""

    label = _("e-mail")
    # a stall is one message: four commands of EMAIL_TIMEOUT (10 s) each
    lease = timedelta(seconds=120)

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        return int(settings.EMAIL_BATCH)

    def obstacles(self, customer: CustomerQuerySet) -> list[When]:
        reason = Delivery.Reason
        known = ContactValue.objects.filter(customer=OuterRef("pk"), kind=ContactValue.Kind.EMAIL)
        has_one, has_usable = customer.filter(Exists(known)), customer.filter(Exists(_usable(known)))
        return [
            When(~Exists(has_one), then=Value(reason.NO_ADDRESS)),
            When(~Exists(has_usable), then=Value(reason.BAD_ADDRESS)),
        ]

    def recipients(self, deliveries: DeliveryQuerySet) -> Sequence[Recipient]:
        """The newest usable address of each, and the nick of his first account."""
        known = ContactValue.objects.filter(customer=OuterRef("customer"), kind=ContactValue.Kind.EMAIL)
        account = Account.objects.filter(customer=OuterRef("customer")).order_by("pk")
        nick = account.annotate(shown=Coalesce(NullIf("nick", Value("")), "external_id")).values("shown")[:1]
        rows = (
            deliveries.filter(reason=Delivery.Reason.NONE)
            .annotate(
                address=Subquery(_usable(known).order_by("-pk").values("value")[:1]),
                nick=Coalesce(Subquery(nick), Value("")),
                language=F("customer__language"),
            )
            .filter(address__isnull=False)
        )
        columns = ("pk", "customer_id", "attempts", "address", "nick", "language")
        return [Recipient(*row) for row in rows.order_by("pk").values_list(*columns)]

    @contextmanager
    def connect(self, broadcast: Broadcast) -> Iterator[Connection]:
        backend = mail.get_connection()
        kind = SmtpConnection if isinstance(backend, SmtpBackend) else BackendConnection
        connection = kind(backend, broadcast)
        try:
            yield connection
        finally:
            connection.close()

    def mark_bad(self, recipients: Sequence[Recipient]) -> None:
        bad = Q()
        for recipient in recipients:
            key = identity.contact_key(ContactValue.Kind.EMAIL, recipient.address)
            bad |= Q(customer=recipient.customer, key=key)
        if bad:
            ContactValue.objects.filter(bad, kind=ContactValue.Kind.EMAIL).update(state=ContactValue.State.BAD)


def _usable(addresses: Any) -> Any:
    return addresses.exclude(state=ContactValue.State.BAD)


class BackendConnection(Connection):
    """Through any mail backend of Django's: console, files, memory."""

    def __init__(self, backend: Any, broadcast: Broadcast) -> None:
        self.backend = backend
        self.broadcast = broadcast
        self.sender = sender_address()
        self.texts: dict[str, MailText] = {}

    def send(self, recipient: Recipient, *, at: datetime) -> Outcome:
        address = sendable_address(recipient.address)
        if not address:
            return Outcome.BAD_ADDRESS
        text = self.texts.get(recipient.language)
        if text is None:
            text = self.texts[recipient.language] = prepare(self.broadcast, recipient.language)
        return self._hand_over(address, text.fill(recipient, address, at=at))

    def _hand_over(self, address: str, text: bytes) -> Outcome:
        self.backend.send_messages([_Filled(self.sender, address, text)])
        return Outcome.SENT

    def close(self) -> None:
        self.backend.close()


class _Filled(mail.EmailMessage):
    """A message whose text stands already, as Django's backends take it."""

    def __init__(self, sender: str, address: str, text: bytes) -> None:
        super().__init__(from_email=sender, to=[address])
        self.text = text

    def message(self) -> Message:  # type: ignore[override]
        return message_from_bytes(self.text)


class SmtpConnection(BackendConnection):
    """Django's backend connects (TLS, login, timeout); the messages then go to its smtplib connection as they are."""

    def _hand_over(self, address: str, text: bytes) -> Outcome:
        try:
            self.backend.open()
        except (OSError, smtplib.SMTPException):
            return Outcome.DOWN
        try:
            self.backend.connection.sendmail(self.sender, [address], text)
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, reply),) = refused.recipients.values()
            return _refusal(code, reply)
        except smtplib.SMTPDataError as refused:
            return Outcome.REFUSED if refused.smtp_code >= 500 else _later(refused.smtp_code)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPHeloError):
            return Outcome.DOWN  # it takes nothing from us, whoever the recipient is
        except (OSError, smtplib.SMTPException):
            return Outcome.LOST
        return Outcome.SENT

    def close(self) -> None:
        try:
            self.backend.close()
        except (OSError, smtplib.SMTPException):
            self.backend.connection = None  # it was broken already; what was sent is settled by the replies we had


def _refusal(code: int, reply: bytes) -> Outcome:
    """What a refused recipient means: a policy or a full mailbox says nothing against the address."""
    if code < 500:
        return _later(code)
    if _ENHANCED.match(reply):
        return Outcome.BAD_ADDRESS if _ADDRESS_FAULT.match(reply) else Outcome.REFUSED
    return Outcome.BAD_ADDRESS if code in _ADDRESS_CODES else Outcome.REFUSED


def _later(code: int) -> Outcome:
    return Outcome.LOST if code == CLOSING else Outcome.LATER

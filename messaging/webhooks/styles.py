"""How each kind of target wants to be told: what is signed how, and how it says that something was wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, ClassVar
from urllib.parse import quote_plus

from standardwebhooks import Webhook

from .http import Answer

PREFIX = "whsec_"
# Whatever a receiver asks for, it is asked again within a day.
LONGEST_WAIT = timedelta(days=1)


class Outcome(Enum):
    DELIVERED = auto()
    LATER = auto()
    GONE = auto()  # it wants nothing more from us


@dataclass(frozen=True)
class Verdict:
    """What an answer means; `wait` is what the receiver asked for."""

    outcome: Outcome
    error: str = ""
    wait: timedelta | None = None


@dataclass(frozen=True)
class Parcel:
    """What is to be told: as JSON for software, as a text for people. Sent again it keeps its id."""

    id: str
    body: Mapping[str, Any]
    text: str


@dataclass(frozen=True)
class Request:
    url: str
    headers: Mapping[str, str]
    body: bytes


class Style:
    """Base of a style."""

    # The least time between two messages; a style with a limit puts into one what came meanwhile.
    spacing: ClassVar[timedelta] = timedelta(0)
    # How long a text may be, in bytes of UTF-8.
    most_bytes: ClassVar[int] = 20_000

    def request(self, url: str, keys: Sequence[str], parcel: Parcel, *, at: datetime) -> Request:
        """The signed request. An empty `keys` leaves it unsigned, where the style allows that."""
        raise NotImplementedError

    def verdict(self, answer: Answer, *, at: datetime) -> Verdict:
        """Standard Webhooks: 2xx is success, 410 ends it, everything else is tried again, redirects too."""
        if 200 <= answer.status < 300:
            return Verdict(Outcome.DELIVERED)
        if answer.status == 410:
            return Verdict(Outcome.GONE, "HTTP 410")
        return Verdict(Outcome.LATER, f"HTTP {answer.status}", _retry_after(answer, at=at))


class Standard(Style):
    """Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/

    Three headers; the signature is HMAC-SHA256 over `id.timestamp.body`, one for each secret, space delimited.
    """

    def request(self, url: str, keys: Sequence[str], parcel: Parcel, *, at: datetime) -> Request:
        body, utc = _json(parcel.body), at.astimezone(UTC)
        signatures = (Webhook(_key(key)).sign(parcel.id, utc, body.decode()) for key in keys)
        headers = {
            **_headers(),
            "webhook-id": parcel.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return Request(url, headers, body)


class GroupRobot(Style):
    """What the robots of the three chat tools have in common: HTTP 200 also for errors, with a code in the body."""

    code: ClassVar[str] = "errcode"
    message: ClassVar[str] = "errmsg"
    # The codes for "too fast", and for how long nothing more is taken then.
    too_fast: ClassVar[frozenset[int]] = frozenset()
    penalty: ClassVar[timedelta] = timedelta(minutes=1)

    def verdict(self, answer: Answer, *, at: datetime) -> Verdict:
        by_status = super().verdict(answer, at=at)
        if by_status.outcome != Outcome.DELIVERED:
            return by_status
        try:
            told = json.loads(answer.body)
            code = int(told[self.code])
        except (ValueError, TypeError, KeyError):
            return Verdict(Outcome.LATER, f"HTTP {answer.status}, but no {self.code} in the answer")
        if code == 0:
            return by_status
        error = f"{self.code} {code}: {told.get(self.message, '')}"
        return Verdict(Outcome.LATER, error, self.penalty if code in self.too_fast else None)


class DingTalk(GroupRobot):
    """https://open.dingtalk.com/document/robots/custom-robot-access and …/customize-robot-security-settings

    `sign` is the Base64 of HMAC-SHA256, key the secret (SEC…), over `timestamp\\nsecret`, with milliseconds; both stand
    in the query. At most 20 messages a minute, else it is silent for ten minutes (errcode 130101); 310000 is a wrong
    signature, key word or IP address.
    """

    spacing = timedelta(seconds=3)
    too_fast = frozenset({130101})
    penalty = timedelta(minutes=10)

    def request(self, url: str, keys: Sequence[str], parcel: Parcel, *, at: datetime) -> Request:
        if keys:
            stamp = str(int(at.timestamp() * 1000))
            sign = _signature(keys[0].encode(), f"{stamp}\n{keys[0]}".encode())
            url = f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={quote_plus(sign)}"
        return Request(url, _headers(), _json({"msgtype": "text", "text": {"content": parcel.text}}))


class WeCom(GroupRobot):
    """https://developer.work.weixin.qq.com/document/path/91770

    The key in the address is all there is. At most 20 messages a minute (errcode 45009), a text of at most 2048 bytes.
    """

    spacing = timedelta(seconds=3)
    most_bytes = 2_048
    too_fast = frozenset({45009})

    def request(self, url: str, keys: Sequence[str], parcel: Parcel, *, at: datetime) -> Request:
        return Request(url, _headers(), _json({"msgtype": "text", "text": {"content": parcel.text}}))


class Feishu(GroupRobot):
    """https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot

    `sign` is the Base64 of HMAC-SHA256, key `timestamp\\nsecret`, over nothing, with seconds; both stand in the body.
    At most 100 messages a minute and 5 a second (code 11232), a body of at most 20 KB; 19021 is a wrong signature.
    """

    spacing = timedelta(seconds=1)
    most_bytes = 15_000
    code = "code"
    message = "msg"
    too_fast = frozenset({11232})

    def request(self, url: str, keys: Sequence[str], parcel: Parcel, *, at: datetime) -> Request:
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": parcel.text}}
        if keys:
            stamp = str(int(at.timestamp()))
            body |= {"timestamp": stamp, "sign": _signature(f"{stamp}\n{keys[0]}".encode(), b"")}
        return Request(url, _headers(), _json(body))


STYLES: dict[str, Style] = {"standard": Standard(), "dingtalk": DingTalk(), "wecom": WeCom(), "feishu": Feishu()}


def get_style(name: str) -> Style:
    return STYLES[name]


def new_secret() -> str:
    """A secret as Standard Webhooks wants it: 24 to 64 random bytes in Base64, behind `whsec_`."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _key(secret: str) -> bytes:
    """The bytes that a secret stands for; one that is no Base64 stands for itself."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        return secret.encode()


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json; charset=utf-8", "User-Agent": "shop-crm", "Connection": "close"}


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _retry_after(answer: Answer, *, at: datetime) -> timedelta | None:
    """RFC 9110: a number of seconds, or a date."""
    asked = answer.headers.get("retry-after", "").strip()
    if not asked:
        return None
    try:
        wait = timedelta(seconds=int(asked)) if asked.isascii() and asked.isdecimal() else _until(asked, at)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _until(date: str, at: datetime) -> timedelta:
    return parsedate_to_datetime(date) - at

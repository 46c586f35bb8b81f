"""What stands in a field of a file, checked and turned into what the scratch database keeps: text, integer or nothing.

Money is kept in cents and a moment in seconds since 1970 (UTC), so that sums and comparisons are exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from django.utils.translation import gettext as _

Stored = str | int | None
Parser = Callable[[str], Stored]

MONEY = re.compile(r"\d{1,8}(\.\d{1,2})?", re.ASCII)


class BadValue(ValueError):
    """A field that cannot be taken over. The message says why and does not repeat the value, which may be personal."""


def text(max_length: int, *, required: bool = False) -> Parser:
    def parse(value: str) -> str:
        value = value.strip()
        if required and not value:
            raise BadValue(_("is missing"))
        if len(value) > max_length:
            raise BadValue(_("is longer than %(length)d characters") % {"length": max_length})
        return value

    return parse


def whole_number(minimum: int, maximum: int) -> Parser:
    def parse(value: str) -> int:
        value = value.strip()
        if not value:
            raise BadValue(_("is missing"))
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise BadValue(_("is no whole number"))
        if not minimum <= int(value) <= maximum:
            raise BadValue(_("is not between %(minimum)d and %(maximum)d") % {"minimum": minimum, "maximum": maximum})
        return int(value)

    return parse


def money(value: str) -> int:
    """An amount that is not negative, with a decimal point and at most two places, in cents."""
    value = value.strip()
    if not value:
        raise BadValue(_("is missing"))
    if not MONEY.fullmatch(value):
        raise BadValue(_("is no amount of money"))
    return int(Decimal(value).scaleb(2))


def local_time(zone: tzinfo, *, required: bool = False) -> Parser:
    """`2018-01-31 23:59:59` on the clocks of `zone`; of an hour that the clocks showed twice, the first one."""

    def parse(value: str) -> int | None:
        value = value.strip()
        if not value:
            if required:
                raise BadValue(_("is missing"))
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        # fromisoformat also takes other spellings, such as a day alone
        if moment is None or moment.isoformat(" ") != value or moment.tzinfo or moment.year < 1970:
            raise BadValue(_("is no date and time like 2018-01-31 23:59:59"))
        return int(moment.replace(tzinfo=zone).timestamp())

    return parse


def choice(*words: str) -> Parser:
    def parse(value: str) -> str:
        value = value.strip()
        if value not in words:
            raise BadValue(_("is none of: %(words)s") % {"words": ", ".join(words)})
        return value

    return parse


def amount_of(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def moment_of(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment_of(seconds)

"""What stands in a cell of somebody's own table, read strictly: what could mean two things is refused."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from customers.identity import is_masked, normalise_email, normalise_phone
from customers.models import Customer, Order

from . import values
from .qianniu_values import ROUNDED, STATUSES, cleaned
from .values import BadValue, Parser, Stored

UNIT = re.compile(r"^[¥￥$€]\s*|\s*元$")
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d{1,2})?", re.ASCII)
MOMENT = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?)?|"
    r"(\d{4})年(\d{1,2})月(\d{1,2})日",
    re.ASCII,
)

STATUS_WORDS: dict[str, Order.Status] = {
    **{word.replace("，", ""): status for word, status in STATUSES.items()},
    **{status.value: status for status in Order.Status if status is not Order.Status.HELD},
    "pending": Order.Status.UNPAID,
    "waiting for payment": Order.Status.UNPAID,
    "待付款": Order.Status.UNPAID,
    "未付款": Order.Status.UNPAID,
    "processing": Order.Status.PAID,
    "已付款": Order.Status.PAID,
    "待发货": Order.Status.PAID,
    "shipped": Order.Status.SENT,
    "已发货": Order.Status.SENT,
    "待收货": Order.Status.SENT,
    "completed": Order.Status.DONE,
    "delivered": Order.Status.DONE,
    "已完成": Order.Status.DONE,
    "完成": Order.Status.DONE,
    "cancelled": Order.Status.CLOSED,
    "canceled": Order.Status.CLOSED,
    "已关闭": Order.Status.CLOSED,
    "已取消": Order.Status.CLOSED,
}
LEVEL_WORDS = {
    **{str(level.value): level for level in Customer.Level},
    "店铺客户": Customer.Level.NONE,
    "普通会员": Customer.Level.REGULAR,
    "高级会员": Customer.Level.PREMIUM,
    "VIP会员": Customer.Level.VIP,
    "至尊VIP会员": Customer.Level.SUPREME,
}


def a_text(max_length: int, *, required: bool = False) -> Parser:
    check = values.text(max_length, required=required)
    return lambda value: check(cleaned(value))


def a_number(max_length: int, *, required: bool = False) -> Parser:
    """An id of the shop's own, which Excel has not turned into 1.23E+18."""
    check = values.text(max_length, required=required)

    def parse(value: str) -> Stored:
        value = cleaned(value)
        if ROUNDED.fullmatch(value):
            raise BadValue(_("was rounded by Excel (1.23E+18); take the file as it was exported"))
        return check(value)

    return parse


def a_phone(value: str) -> str:
    """A complete phone number; one that a marketplace starred out is passed over."""
    value = cleaned(value)
    if not value or is_masked(value):
        return ""
    if not normalise_phone(value):
        raise BadValue(_("is no complete phone number"))
    return value[:400]


def an_email(value: str) -> str:
    value = cleaned(value)
    if not value or is_masked(value):
        return ""
    if not normalise_email(value) or len(value) > 254:
        raise BadValue(_("is no e-mail address"))
    return value


def a_contact(value: str) -> Stored:
    """A name or an address."""
    value = cleaned(value)
    return "" if is_masked(value) else values.text(400)(value)


def an_amount(value: str) -> Stored:
    """`1234.5`, `1,234.50`, `¥12.30`, `12.30元`, in cents; a comma that parts no thousands is no decimal point."""
    value = UNIT.sub("", cleaned(value))
    if not value:
        return None
    return values.money(value.replace(",", "") if THOUSANDS.fullmatch(value) else value)


def a_count(value: str) -> Stored:
    value = cleaned(value)
    return values.whole_number(0, 999_999)(value) if value else None


def a_moment(*, required: bool = False) -> Parser:
    """`2018-01-31`, with or without a time, year first: `1/2/2018` could be two days. On the clocks of the shop."""

    def parse(value: str) -> Stored:
        value = cleaned(value)
        if not value:
            if required:
                raise BadValue(_("is missing"))
            return None
        parts = MOMENT.fullmatch(value)
        numbers = [part for part in (parts.groups() if parts else ()) if part and part not in "-/."]
        try:
            moment = datetime(*map(int, numbers), tzinfo=ZoneInfo(settings.TIME_ZONE))  # type: ignore[arg-type,misc]
        except (TypeError, ValueError) as error:
            raise BadValue(_("is no date like 2018-01-31 or 2018-01-31 23:59:59")) from error
        if not 1970 <= moment.year <= 2100:
            raise BadValue(_("is no date like 2018-01-31 or 2018-01-31 23:59:59"))
        return int(moment.timestamp())

    return parse


def a_status(value: str) -> Stored:
    word = re.sub(r"[,，]\s*", "", cleaned(value)).casefold()
    if word not in STATUS_WORDS:
        raise BadValue(_("is none of: %(words)s") % {"words": ", ".join(STATUS_WORDS)})
    return STATUS_WORDS[word].value


def a_level(value: str) -> Stored:
    word = cleaned(value)
    if not word:
        return None
    if word not in LEVEL_WORDS:
        raise BadValue(_("is none of: %(words)s") % {"words": ", ".join(LEVEL_WORDS)})
    return LEVEL_WORDS[word].value

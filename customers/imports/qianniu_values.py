"""What stands in a cell of the seller tool's exports. The format is described in shared/data/taobao_export_format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from customers.identity import is_masked
from customers.models import Order, Refund

from . import values
from .values import BadValue, Parser, Stored

SHANGHAI = ZoneInfo("Asia/Shanghai")
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  (clocks of the shop, as all times in the files)

AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
NOTHING = {"", "null", "无退款申请", "订单未关闭"}
ROUNDED = re.compile(r"[\d.]+e\+?\d+", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"\d{10,32}", re.ASCII)
MOMENT = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2}) +(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
EXCEL_DAYS = re.compile(r"[234]\d{4}(\.\d+)?", re.ASCII)
POSTCODE = re.compile(r"\s*[(（]\d{6}[)）]\s*$", re.ASCII)

STATUSES = {
    "等待买家付款": Order.Status.UNPAID,
    "买家已付款，等待卖家发货": Order.Status.PAID,
    "卖家已发货，等待买家确认": Order.Status.SENT,
    "交易成功": Order.Status.DONE,
    "交易关闭": Order.Status.CLOSED,
}
FLAGS = dict(zip("灰红黄绿蓝紫", Order.Flag.values, strict=True))
REFUND_WORDS = {"成功": Refund.Status.PAID, "关闭": Refund.Status.REFUSED, "拒绝": Refund.Status.REFUSED}


def cleaned(value: str) -> str:
    """The cell without blanks, tabs, `="…"` and the apostrophe that keep it text, and without the words for nothing."""
    value = value.strip()
    if whole := AS_TEXT.fullmatch(value):
        value = whole[1].strip()
    value = value.removeprefix("'").strip()
    return "" if value.casefold() in NOTHING else value


def clean_text(max_length: int) -> Parser:
    """A text; what is beyond `max_length` is cut off, because a long note is no reason to lose an order."""

    def parse(value: str) -> str:
        return cleaned(value)[:max_length]

    return parse


def order_number(value: str) -> str:
    value = cleaned(value)
    if not value:
        raise BadValue(_("is missing"))
    if ROUNDED.fullmatch(value):
        raise BadValue(_("was rounded by Excel (1.23E+18); take the file as it was exported"))
    if not NUMBER.fullmatch(value):
        raise BadValue(_("is no order number"))
    return value


def clean_money(value: str) -> Stored:
    """An amount in cents, with or without unit and thousands commas; nothing where there is none."""
    value = re.sub(r"[¥￥元,，\s]", "", cleaned(value))
    return values.money(value) if value else None


def refund_money(value: str) -> Stored:
    """As `clean_money`; a column that holds nothing says that nothing is asked back."""
    return clean_money(value) or 0


def clean_count(value: str) -> Stored:
    value = re.sub(r"[件种个,\s]", "", cleaned(value))
    return values.whole_number(0, 999_999)(value) if value else None


def shop_time(value: str) -> Stored:
    """A moment on the clocks of Shanghai: `2017-05-30 23:18:05`, `2017/5/30 23:18`, or Excel's count of days."""
    value = cleaned(value)
    if not value:
        return None
    try:
        if EXCEL_DAYS.fullmatch(value):
            moment = EXCEL_EPOCH + timedelta(seconds=round(float(value) * 86_400))
        elif parts := MOMENT.fullmatch(value):
            moment = datetime(*(int(part or 0) for part in parts.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
        else:
            raise ValueError(value)
    except ValueError as error:
        raise BadValue(_("is no date and time like 2018-01-31 23:59:59")) from error
    return int(moment.replace(tzinfo=SHANGHAI).timestamp())


def needed_time(value: str) -> Stored:
    moment = shop_time(value)
    if moment is None:
        raise BadValue(_("is missing"))
    return moment


def status(value: str) -> str:
    word = cleaned(value).replace(",", "，").replace(" ", "")
    if word not in STATUSES:
        raise BadValue(_("is none of: %(words)s") % {"words": ", ".join(STATUSES)})
    return STATUSES[word].value


def flag(value: str) -> Stored:
    """The colour of the flag by its number or its word (`红`, `红旗`, `红色`); nothing where there is none."""
    value = cleaned(value)
    if not value:
        return None
    if value in {str(number) for number in Order.Flag.values}:
        return int(value)
    if value[0] not in FLAGS:
        raise BadValue(_("is no colour of a flag"))
    return FLAGS[value[0]]


def refund_status(value: str) -> str:
    """Whether the money of a line went back (`退款成功`) or will not (`退款关闭`); all other words: it is asked for."""
    word = cleaned(value)
    return next((found.value for part, found in REFUND_WORDS.items() if part in word), Refund.Status.ASKED.value)


def region(address: str) -> tuple[str, str]:
    """Province and city of `省 市 区 详细(邮编)`; empty where the address is not written so, or starred out."""
    parts = address.split()
    if len(parts) < 3 or is_masked(parts[0] + parts[1]):
        return "", ""
    return parts[0][:60], parts[1][:80]


def without_postcode(address: str) -> str:
    return POSTCODE.sub("", address)


def titles(joined: str, kinds: int | None) -> list[str]:
    """The titles that were joined with a full-width comma, where that gives as many as there are kinds of items.

    A title may hold such a comma itself: where the count does not fit, they cannot be told apart.
    """
    apart = [title.strip() for title in joined.split("，")]
    return apart if kinds == len(apart) and all(apart) else [joined]


def contacts_of(row: Mapping[str, Stored]) -> dict[str, str]:
    """What the receiver of the parcel gave, by kind of contact value."""
    phone = row["联系手机"] or row["联系电话"] or ""
    told = {"name": row["收货人姓名"], "phone": phone, "address": without_postcode(str(row["收货地址"] or ""))}
    return {kind: str(value)[:400] for kind, value in told.items() if value and not is_masked(str(value))}

"""How a value looks in the panel."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from customers.models import User

NOTHING = "–"


def money(amount: Decimal | None) -> str:
    """With two decimals and grouped thousands."""
    return NOTHING if amount is None else number_format(amount, 2, use_l10n=True, force_grouping=True)


def moment(at: datetime | None) -> str:
    """In the shop's zone."""
    return NOTHING if at is None else date_format(timezone.localtime(at), "DATETIME_FORMAT")


def day(at: datetime | None) -> SafeString | str:
    """The day in the shop's zone, with the time in its title: for lists that have no room."""
    if at is None:
        return NOTHING
    return format_html('<span title="{}">{}</span>', moment(at), date_format(timezone.localtime(at), "DATE_FORMAT"))


def staff_name(user: User | None) -> str:
    return NOTHING if user is None else user.get_full_name() or user.get_username()


def badge(text: str, *, kind: str, title: str = "") -> SafeString:
    """A small label; `kind` is danger, warning, success or plain, and only repeats in colour what the text says."""
    return format_html('<span class="crm-badge is-{}" title="{}">{}</span>', kind, title, text)


def number(count: int) -> str:
    """With grouped thousands."""
    return number_format(count, use_l10n=True, force_grouping=True)

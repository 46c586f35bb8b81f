"""Exporting the blocklist as CSV or XLSX, with the columns that the import of a blocklist reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from blocklist.models import Ban
from customers.models import Account, ContactValue, Customer, Job, User
from customers.services.exports import STRETCH, write_export
from customers.services.jobs import JobKind, asker
from customers.services.sheets import Cell

from .ban_imports import EXPORT_PERMISSION, ImportBans
from .ban_lists import CHINESE, ENGLISH

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet

# An end stands under "until"; a number of days would count from the day of the import.
COLUMNS = tuple(name for name in ENGLISH if name != "days")


class ExportBans(JobKind):
    """Parameters: `format` (csv, xlsx). All bans that stand and are seen by whoever asks; a row for each."""

    name = "export_bans"
    label = gettext_lazy("Export the blocklist")
    is_long = True

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        by = asker(job)
        if not by.has_perm(EXPORT_PERMISSION):
            raise PermissionDenied(_("You may not export the blocklist."))
        at = clock()
        bans = Ban.objects.standing(at).filter(customer__in=Customer.objects.visible_to(by).values("pk"))
        job.total, job.done_count = bans.count(), 0
        write_export(job, _head(), _stretches(bans, by=by), verb="ban.exported", by=by, clock=clock)

    def describe(self, job: Job) -> str:
        return f"{self.label} ({str(job.parameters.get('format', '')).upper()})"


def _head() -> list[str]:
    names = CHINESE if (get_language() or "").startswith("zh") else ENGLISH
    further = [_("from"), _("banned by"), _("ban")]
    return [*(capfirst(names[name][0]) for name in COLUMNS), *(capfirst(text) for text in further)]


def _stretches(bans: BanQuerySet, *, by: User) -> Iterator[list[list[Cell]]]:
    accounts = Account.objects.select_related("source").order_by("pk")
    contacts = (
        ContactValue.objects.order_by("pk") if by.has_perm("customers.view_contact") else ContactValue.objects.none()
    )
    fetched = bans.select_related("by", "customer").prefetch_related(
        Prefetch("customer__accounts", accounts), Prefetch("customer__contact_values", contacts)
    )
    passed = 0
    while rows := list(fetched.filter(pk__gt=passed).order_by("pk")[:STRETCH]):
        yield [_row(ban) for ban in rows]
        passed = rows[-1].pk


def _row(ban: Ban) -> list[Cell]:
    """The buyer by his first account, and by contact values where whoever asks may see them."""
    account = next(iter(ban.customer.accounts.all()), None)
    contacts: dict[str, str] = {}
    for value in ban.customer.contact_values.all():
        contacts.setdefault(value.kind, value.value)
    cells: dict[str, Cell] = {
        "source": account.source.code if account else "",
        "external_id": account.external_id if account else "",
        "nick": account.nick if account else "",
        "phone": contacts.get("phone", ""),
        "email": contacts.get("email", ""),
        "type": str(Ban.Type(ban.type).label),
        "note": ban.note,
        "until": ban.until,
    }
    return [*(cells[name] for name in COLUMNS), ban.started_at, ban.by.username, ban.pk]


KINDS: tuple[type[JobKind], ...] = (ImportBans, ExportBans)

"""Exporting customers (导出) as CSV or XLSX: those whom one sees, with what one may see of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import identity
from customers.models import Account, ContactValue, Customer, Job, User
from customers.parts import ExportColumn, parts

from . import audit
from .customer_jobs import CustomersKind, chosen_customers
from .jobs import asker, renew
from .sheets import SHEETS, Cell, Sheet

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

FOLDER = "exports"
KEPT_FOR = timedelta(days=7)
# Customers that are fetched, and written, at a time.
STRETCH = 2_000
# Packing a workbook of a million rows shows no progress for so long at most.
PACKING = timedelta(minutes=15)


class ExportCustomers(CustomersKind):
    """Parameters: `format` (csv, xlsx) and the customers. Columns and head are in the language of whoever asks."""

    name = "export"
    label = gettext_lazy("Export")
    is_long = True
    most_at_once = 5_000

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        by = asker(job)
        if not by.has_perm("customers.export_customer"):
            raise PermissionDenied(_("You may not export customers."))
        customers = chosen_customers(job.parameters, by=by)
        job.total, job.done_count = _count(customers), 0
        columns = export_columns(by)
        head = [capfirst(str(column.label)) for column in columns]
        rows = (
            [[column.value(customer) for column in columns] for customer in stretch]
            for stretch in _stretches(customers, columns, at=clock())
        )
        fields = sorted(job.parameters.get("filter", {}))
        write_export(job, head, rows, verb="customer.exported", fields=fields, by=by, clock=clock)

    def describe(self, job: Job) -> str:
        return _("Export as %(format)s") % {"format": str(job.parameters.get("format", "")).upper()}


def write_export(
    job: Job,
    head: Sequence[str],
    stretches: Iterable[Sequence[Sequence[Cell]]],
    *,
    verb: str,
    by: User,
    clock: Callable[[], datetime],
    fields: Sequence[str] = (),
) -> None:
    """Write rows, stretch by stretch, into the file of a long job, count them, and record that they went out.

    Raises ValidationError for a `format` that no file has.
    """
    form = job.parameters["format"]
    if form not in SHEETS:
        raise ValidationError({"format": _("A file is csv or xlsx.")})
    folder = settings.DATA_DIR / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    unfinished = folder / f"{job.pk}-{job.token}.part"
    try:
        unfinished.touch(mode=0o600)
        sheet = _written(unfinished, head, stretches, job=job, clock=clock)
        unfinished.rename(unfinished.with_suffix(sheet.suffix))
    finally:
        unfinished.unlink(missing_ok=True)
    job.result_path = f"{FOLDER}/{unfinished.stem}{sheet.suffix}"
    with transaction.atomic():
        reason = f"{job.done_count} rows, {form}"
        audit.record(verb, Job.objects.filter(pk=job.pk), by=by, at=clock(), fields=fields, reason=reason)


def _written(
    path: Path,
    head: Sequence[str],
    stretches: Iterable[Sequence[Sequence[Cell]]],
    *,
    job: Job,
    clock: Callable[[], datetime],
) -> Sheet:
    """In stretches, so that memory stays flat."""
    with SHEETS[job.parameters["format"]](path, head) as sheet:
        for rows in stretches:
            sheet.write(rows)
            job.done_count += len(rows)
            renew(job, at=clock())
        renew(job, at=clock(), lease=PACKING)
        sheet.save()
    return sheet


def _stretches(
    customers: CustomerQuerySet, columns: Iterable[ExportColumn], *, at: datetime
) -> Iterator[list[Customer]]:
    """The ids of a stretch first, so that what the columns need is asked for these rows only."""
    passed = 0
    while ids := list(customers.filter(pk__gt=passed).order_by("pk").values_list("pk", flat=True)[:STRETCH]):
        accounts = Account.objects.select_related("source").order_by("pk")
        rows = Customer.objects.filter(pk__in=ids).select_related("agent")
        rows = rows.prefetch_related(
            Prefetch("accounts", accounts), Prefetch("contact_values", ContactValue.objects.order_by("pk")), "groups"
        )
        for annotate in dict.fromkeys(column.annotate for column in columns if column.annotate):
            rows = annotate(rows, at)
        yield list(rows.order_by("pk"))
        passed = ids[-1]


def export_columns(by: User) -> list[ExportColumn]:
    """The columns of an export by this staff user; contact data is masked for whoever may not see it."""
    is_masked = not by.has_perm("customers.view_contact")
    contact = [_contact_column(kind, is_masked=is_masked) for kind in ContactValue.Kind]
    return [*OWN_COLUMNS, *parts.export_columns, *contact]


def remove_old_exports(*, at: datetime) -> int:
    """Delete the files that are older than KEPT_FOR; return how many. The scheduler calls it; repeating is safe."""
    folder: Path = settings.DATA_DIR / FOLDER
    oldest = (at - KEPT_FOR).timestamp()
    old = [file for file in folder.glob("*") if file.stat().st_mtime < oldest]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _count(customers: CustomerQuerySet) -> int:
    return customers.order_by().values("pk").distinct().count()


def _contact_column(kind: ContactValue.Kind, *, is_masked: bool) -> ExportColumn:
    def value(customer: Customer) -> str:
        values = (row.value for row in customer.contact_values.all() if row.kind == kind)
        return "; ".join(identity.masked(kind.value, text) if is_masked else text for text in values)

    return ExportColumn(name=kind.value, label=kind.label, value=value)


def _nicks(customer: Customer) -> Cell:
    return "; ".join(account.nick or account.external_id for account in customer.accounts.all())


def _sources(customer: Customer) -> Cell:
    return "; ".join(dict.fromkeys(account.source.name for account in customer.accounts.all()))


def _groups(customer: Customer) -> Cell:
    return "; ".join(sorted(group.name for group in customer.groups.all()))


def _own(name: str) -> ExportColumn:
    """A figure or fact of the customer's own row."""
    label = Customer._meta.get_field(name).verbose_name  # type: ignore[union-attr]
    return ExportColumn(name=name, label=label, value=lambda customer: getattr(customer, name))


OWN_COLUMNS = [
    ExportColumn("id", gettext_lazy("number"), lambda customer: customer.pk),
    ExportColumn("nicks", gettext_lazy("nick"), _nicks),
    ExportColumn("sources", gettext_lazy("source"), _sources),
    ExportColumn("level", gettext_lazy("level"), lambda customer: customer.get_level_display()),
    ExportColumn("groups", gettext_lazy("groups"), _groups),
    ExportColumn("agent", gettext_lazy("exclusive agent"), lambda customer: str(customer.agent or "")),
    ExportColumn(
        "customer_source", gettext_lazy("customer source"), lambda customer: customer.get_customer_source_display()
    ),
    *(
        _own(name)
        for name in (
            "trade_count",
            "trade_amount",
            "item_count",
            "avg_price",
            "close_trade_count",
            "close_trade_amount",
            "last_trade_at",
            "registered_at",
            "province",
            "city",
        )
    ),
]

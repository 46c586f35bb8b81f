"""A shop's own table of customers, orders or products: CSV or workbook, with columns of any name.

Decisions that a table leaves open:
- Which column is which field, the mapping says; without one, the names of the columns.
- A buyer is whom nick, id, phone or e-mail name; name and address name nobody and are kept with him.
- What a known customer has already stays; what he lacks is added.
- What is to be paid is the amount; without it what was paid, without that the sum of the lines and the postage.
- Without a column of what was paid, an order that was paid was paid in full.
- As with the marketplace's exports, a row that shows an order at an earlier stage than is recorded changes nothing, and
  a memo, a flag or a product that was edited here stays.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.identity import Identity, is_masked
from customers.models import Customer, Order, OrderLine, Product

from . import csv_mapping
from .base import ImportedFile, PreviewedFormat
from .buyers import ToldBuyer, keep_buyers
from .csv_kinds import KINDS, OF_LINES
from .files import WrongFile
from .forecasts import Forecast
from .loading import Loading
from .plain_csv import PlainCsvFile
from .products import keep_products
from .rejects import Rejects
from .renewal import ExportedLine, ExportedOrder, Renewal
from .staging import Progress, StagedFile, Staging
from .values import Stored, amount_of, moment_of
from .workbooks import open_table

Row = dict[str, Any]

MOMENTS = ("paid_at", "sent_at", "done_at")
TEXTS = ("buyer_message", "memo")
WERE_PAID = {Order.Status.PAID, Order.Status.SENT, Order.Status.DONE}
NAMING = ("nick", "external_id", "phone", "email")


@dataclass(frozen=True)
class MappedFile(StagedFile):
    """A file whose columns the mapping names. Where `naming` has fields, a row without all of them is bad."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    naming: tuple[str, ...] = ()

    def position(self, column: str, header: Sequence[str]) -> int | None:
        return list(header).index(self.mapping[column]) if column in self.mapping else None

    def called(self, column: str) -> str:
        return self.mapping.get(column, column)

    def what_is_wrong(self, values: Sequence[Stored]) -> str:
        told = dict(zip(self.columns, values, strict=True)) if self.naming else {}
        if not self.naming or any(told[name] and not is_masked(str(told[name])) for name in self.naming):
            return ""
        return _("names nobody: nick, id, phone and e-mail are empty or starred out")


class CsvFormat(PreviewedFormat):
    source_code = ""
    source_name = ""

    def __init__(self, file: ImportedFile, *, rejects: Rejects, progress: Progress) -> None:
        table = open_table(file.path, name=file.name, csv_file=PlainCsvFile)
        header = table.header()
        self._kind = file.kind or csv_mapping.guess_kind(header)
        if self._kind not in KINDS:
            raise WrongFile(
                _("Nothing tells what the rows of %(file)s are. There are: %(kinds)s.")
                % {"file": table.name, "kinds": ", ".join(KINDS)}
            )
        mapping = file.mapping or csv_mapping.guess(self._kind, header)
        try:
            mapping = csv_mapping.checked(self._kind, mapping, header)
        except csv_mapping.WrongMapping as error:
            raise WrongFile(f"{table.name}: {error}") from error
        self._has_lines = any(name in mapping for name in OF_LINES)
        self._tells_paid = "paid_amount" in mapping
        self.notes = []
        self._staging = Staging(
            [(_mapped(self._kind, mapping, has_lines=self._has_lines), table)], rejects=rejects, progress=progress
        )

    def close(self) -> None:
        self._staging.close()

    def read(self) -> None:
        self._staging.read()

    def write(self, loading: Loading) -> None:
        size = max(1, settings.WRITE_BATCH // 4)
        renewal, source, at = Renewal(loading), loading.source.pk, loading.run.started_at
        changed = 0
        for rows in self._batches(size):
            if self._kind == "customers":
                with transaction.atomic():
                    keep_buyers([_customer(row, source, at=at) for row in rows], loading)
            elif self._kind == "products":
                changed += keep_products([_product(row) for row in rows], loading)
            else:
                renewal.orders([self._order(lines, source) for lines in rows], at=at)
        self.notes += renewal.notes()
        if changed:
            sentence = ngettext(
                "%(count)d known product was updated.", "%(count)d known products were updated.", changed
            )
            self.notes.append(sentence % {"count": changed})

    def foretell(self, forecast: Forecast) -> None:
        source, at = forecast.source.pk, forecast.at
        for rows in self._batches(1_000):
            if self._kind == "customers":
                forecast.buyers([_customer(row, source, at=at) for row in rows])
            elif self._kind == "products":
                forecast.products([_product(row) for row in rows])
            else:
                forecast.orders([self._order(lines, source) for lines in rows])

    def _batches(self, size: int) -> Iterator[list[Any]]:
        """Rows by field name; of orders, the rows of each together."""
        pairs = ", ".join(f"'{name}', {name}" for name in (*KINDS[self._kind].fields, "line"))
        if self._kind == "orders":
            query = f"SELECT json_group_array(json_object({pairs})) FROM orders GROUP BY number ORDER BY min(line)"  # noqa: S608
        else:
            query = f"SELECT json_object({pairs}) FROM {self._kind} ORDER BY line"  # noqa: S608  (names are this code's own)
        for batch in self._staging.batches(query, size, label=str(KINDS[self._kind].label)):
            yield [json.loads(row) for (row,) in batch]

    def _order(self, rows: list[Row], source: int) -> ExportedOrder:
        """The order that these rows tell: the first one says what is of the order itself, each is a line of it."""
        rows.sort(key=operator.itemgetter("line"))
        first = rows[0]
        lines = [_line(place, row) for place, row in enumerate(rows, start=1)] if self._has_lines else []
        told = self._facts(first, sum(line.line.price * line.line.quantity for line in lines))
        ordered_at = moment_of(first["ordered_at"])
        order = Order(number=first["number"], ordered_at=ordered_at, **told)
        buyer = _buyer(first, source, since=ordered_at)
        return ExportedOrder(order, told, buyer=buyer, lines=lines, has_exact_lines=self._has_lines)

    def _facts(self, row: Row, goods: Decimal | int) -> dict[str, Any]:
        """What is told, by field of an order; what is left empty is not told."""
        told: dict[str, Any] = {"status": row["status"]}
        told |= {name: moment_of(row[name]) for name in MOMENTS if row[name] is not None}
        told |= {name: row[name] for name in TEXTS if row[name]}
        told |= {name: amount_of(row[name]) for name in ("postage", "paid_amount") if row[name] is not None}
        if row["flag"] is not None:
            told["flag"] = row["flag"]
        if row["amount"] is not None:
            told["amount"] = amount_of(row["amount"])
        elif (total := told.get("paid_amount") or goods + told.get("postage", 0)) or goods:
            told["amount"] = total
        if not self._tells_paid and row["status"] in WERE_PAID and "amount" in told:
            told["paid_amount"] = told["amount"]
        return told


def _mapped(kind: str, mapping: Mapping[str, str], *, has_lines: bool) -> MappedFile:
    fields = KINDS[kind].fields
    keys = {"customers": "line", "products": "external_id", "orders": "line" if has_lines else "number"}
    return MappedFile(
        kind,
        "",
        {name: field.parse for name, field in fields.items()},
        key=(keys[kind],),
        optional=[name for name in fields if name not in mapping],
        mapping=mapping,
        naming=NAMING if kind == "customers" else (),
    )


def _buyer(row: Row, source: int, *, since: datetime, level: int = Customer.Level.NONE) -> ToldBuyer:
    told = {name: row[name] for name in NAMING if row[name]}
    return ToldBuyer(
        Identity(source, **told),
        since=since,
        province=row["province"] or "",
        city=row["city"] or "",
        level=level,
        contacts={name: row[name] for name in ("name", "address") if row[name]},
    )


def _customer(row: Row, source: int, *, at: datetime) -> ToldBuyer:
    registered_at = row["registered_at"]
    since = at if registered_at is None else moment_of(registered_at)
    return _buyer(row, source, since=since, level=row["level"] or Customer.Level.NONE)


def _line(place: int, row: Row) -> ExportedLine:
    line = OrderLine(
        line_number=place,
        title=row["title"] or "",
        quantity=1 if row["quantity"] is None else row["quantity"],
        price=amount_of(row["price"] or 0),
    )
    return ExportedLine(line, product=row["product"] or "", names_product=bool(row["product"] or row["title"]))


def _product(row: Row) -> Product:
    return Product(
        external_id=row["external_id"],
        name=row["name"],
        category=row["category"] or "",
        price=None if row["price"] is None else amount_of(row["price"]),
    )

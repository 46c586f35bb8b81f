"""What an import would change, told before it does: the import's own matching, without a write.

Rows of a file may be one person's. Who was met stands in a scratch database, so memory stays flat here too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from customers.models import Order, OrderLine, Product, Source
from customers.services.orders import would_change
from customers.services.people import find_customers

from .buyers import ToldBuyer, fill_regions, known_ids, names_of, new_accounts, new_contacts
from .products import renew_known
from .renewal import ExportedOrder, lines_differ, product_key

if TYPE_CHECKING:
    from customers.models.product import ProductQuerySet

# of two rows about one person the one that changes more counts
UNCHANGED, CHANGED, NEW = range(3)
WORDS = {NEW: "new", CHANGED: "changed", UNCHANGED: "unchanged"}
SCRATCH = """
CREATE TABLE names (name TEXT PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE met (kind TEXT, place, change INTEGER, PRIMARY KEY (kind, place)) WITHOUT ROWID;
"""


class Forecast:
    """Is told, in batches, what a file holds; `counts` says what it would change in this source."""

    def __init__(self, source: Source, *, at: datetime) -> None:
        self.source = source
        self.at = at
        self._places = 0
        self._scratch = sqlite3.connect("", isolation_level=None)
        self._scratch.executescript(SCRATCH)

    def close(self) -> None:
        self._scratch.close()

    def counts(self) -> dict[str, dict[str, int]]:
        """{kind: {new, changed, unchanged}}, of the kinds that were met."""
        found: dict[str, dict[str, int]] = {}
        met = "SELECT kind, change, count(*) FROM met GROUP BY kind, change ORDER BY kind"
        for kind, change, count in self._scratch.execute(met):
            found.setdefault(kind, dict.fromkeys(WORDS.values(), 0))[WORDS[change]] = count
        return found

    def buyers(self, buyers: Sequence[ToldBuyer]) -> None:
        found = find_customers([buyer.identity for buyer in buyers])
        ids = known_ids(buyers, found)
        changed = {customer.pk for customer in fill_regions(buyers, found)}
        changed |= {account.customer_id for account in new_accounts(buyers, ids)}
        changed |= {contact.customer_id for contact in new_contacts(buyers, ids)}
        for buyer, pk in zip(buyers, ids, strict=True):
            if pk:
                self._meet("customer", pk, CHANGED if pk in changed else UNCHANGED)
            elif names := [f"{kind}:{name}" for kind, name in names_of(buyer.identity)]:
                self._meet("customer", f"new {self._place(names)}", NEW)

    def products(self, told: Sequence[Product]) -> None:
        changed = {product.external_id for product in renew_known(told, self.source)}
        numbers = [product.external_id for product in told]
        known = set(self._products().filter(external_id__in=numbers).values_list("external_id", flat=True))
        for number in numbers:
            self._meet("product", number, CHANGED if number in changed else UNCHANGED if number in known else NEW)

    def orders(self, exported: Sequence[ExportedOrder]) -> None:
        self.buyers([one.buyer for one in exported])
        self._products_of_lines(exported)
        rows = Order.objects.filter(source=self.source, number__in=[one.order.number for one in exported])
        known = dict(rows.values_list("number", "pk"))
        old = {known[one.order.number]: one for one in exported if one.order.number in known}
        changed = {*would_change({pk: one.told for pk, one in old.items()}, at=self.at), *_with_other_lines(old)}
        for one in exported:
            pk = known.get(one.order.number)
            self._meet("order", one.order.number, NEW if pk is None else CHANGED if pk in changed else UNCHANGED)

    def _products_of_lines(self, exported: Sequence[ExportedOrder]) -> None:
        """New products only: the lines of an order change none."""
        keys = {product_key(line): line.line.title for one in exported for line in one.lines if line.names_product}
        known = set(self._products().filter(external_id__in=list(keys)).values_list("external_id", flat=True))
        titles = {title for key, title in keys.items() if key not in known}
        titles = set(self._products().filter(name__in=list(titles)).values_list("name", flat=True)) if titles else set()
        for key, title in keys.items():
            if key not in known and title not in titles:
                self._meet("product", key, NEW)

    def _products(self) -> ProductQuerySet:
        return Product.objects.filter(source=self.source)

    def _place(self, names: Sequence[str]) -> int:
        """The number of the new person with any of these names; from now on he has all of them."""
        marks = ", ".join("?" * len(names))
        found = self._scratch.execute(f"SELECT min(place) FROM names WHERE name IN ({marks})", names)  # noqa: S608
        (place,) = found.fetchone()
        if place is None:
            self._places += 1
            place = self._places
        self._scratch.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", [(name, place) for name in names])
        return int(place)

    def _meet(self, kind: str, place: object, change: int) -> None:
        self._scratch.execute(
            "INSERT INTO met VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET change = max(change, excluded.change)",
            (kind, place, change),
        )


def _with_other_lines(known: Mapping[int, ExportedOrder]) -> set[int]:
    """Ids of orders whose exact lines are told otherwise than an import recorded them, or that have none."""
    told = {pk: one for pk, one in known.items() if one.lines}
    present: dict[int, list[OrderLine]] = {pk: [] for pk in told}
    for line in OrderLine.objects.filter(order__in=list(told)).order_by("line_number"):
        present[line.order_id].append(line)
    return {pk for pk, one in told.items() if lines_differ(one, present[pk], with_products=False)}

"""Writing orders that a marketplace exports again and again, each time with newer facts."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import ngettext

from customers.bulk import update_rows
from customers.models import Customer, Order, OrderLine, Product, Refund
from customers.services.orders import identify_orders, is_older_news, update_orders
from customers.services.trade_figures import refresh_trade_figures
from customers.signals import orders_imported

from .buyers import ToldBuyer, keep_buyers
from .loading import Loading, PlacedLine, PlacedOrder


@dataclass(frozen=True)
class ExportedLine:
    """An unsaved line, and its product: `product` is its number in the source, empty where only the title is told.

    Joined titles that cannot be told apart name no product.
    """

    line: OrderLine
    product: str = ""
    names_product: bool = True


@dataclass(frozen=True)
class ExportedOrder:
    """An order as an export has it.

    `order` is unsaved, as a new one is recorded; `told` are the facts, by field, that hold for a known one too. The
    lines are exact where the export has them one by one, and guessed where it sums them up. `refund` is all that was
    paid back or is asked back, None where the export does not say.
    """

    order: Order
    told: Mapping[str, object]
    buyer: ToldBuyer
    lines: Sequence[ExportedLine] = field(default_factory=tuple)
    has_exact_lines: bool = False
    refund: Refund | None = None


class Renewal:
    """Writes the orders of one run: new ones are recorded, known ones updated by the rules of the orders' services.

    A known order without a customer gets the one that is told now. Exact lines replace those that an import made;
    guessed ones are written only where there are none. Refunds of an order are one row without a number, unless
    somebody tells them one by one, with numbers.
    """

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._products: dict[str, int] = {}
        self.updated_count = 0
        self.unidentified_count = 0

    @transaction.atomic
    def orders(self, exported: Sequence[ExportedOrder], *, at: datetime) -> None:
        loading = self._loading
        rows = loading.rows(Order, "number", [one.order.number for one in exported])
        recorded = {order.number: order for order in rows.only("number", "status", "ordered_at")}
        known = {number: order.pk for number, order in recorded.items()}
        customers = keep_buyers([one.buyer for one in exported], loading)
        for one, customer in zip(exported, customers, strict=True):
            one.order.customer_id = customer
        created = loading.create_orders([PlacedOrder(one.order) for one in exported if one.order.number not in known])
        self._update_known(exported, known, at=at)
        ids = dict(rows.values_list("number", "pk"))
        grown = self._keep_lines({ids[one.order.number]: one for one in exported})
        self._keep_refunds({ids[number]: refund for number, refund in _refunds_told(exported, recorded).items()})
        changed = Order.objects.filter(pk__in=[*created, *grown])
        self.unidentified_count += changed.filter(pk__in=created, customer=None).count()
        buyers = changed.filter(customer__isnull=False).values("customer")
        refresh_trade_figures(Customer.objects.filter(pk__in=buyers), at=at)
        if created:
            orders = Order.objects.filter(pk__in=created)
            orders_imported.send(Order, orders=orders, run=loading.run, source=loading.source)

    def notes(self) -> list[str]:
        """What the clerk should know of it: sentences."""
        notes = []
        if count := self.updated_count:
            sentence = ngettext("%(count)d known order was updated.", "%(count)d known orders were updated.", count)
            notes.append(sentence % {"count": count})
        if count := self.unidentified_count:
            sentence = ngettext(
                "%(count)d new order has no known buyer.", "%(count)d new orders have no known buyer.", count
            )
            notes.append(sentence % {"count": count})
        return notes

    def _update_known(self, exported: Sequence[ExportedOrder], known: Mapping[str, int], *, at: datetime) -> None:
        old = {known[one.order.number]: one for one in exported if one.order.number in known}
        if not old:
            return
        buyers = {pk: one.order.customer_id for pk, one in old.items() if one.order.customer_id}
        identified = identify_orders(buyers, source=self._loading.source, at=at)
        updated = update_orders({pk: one.told for pk, one in old.items()}, at=at)
        self.updated_count += len({*identified, *updated})

    def _keep_lines(self, exported: Mapping[int, ExportedOrder]) -> list[int]:
        """Return the ids of the orders that got lines."""
        told = {pk: one for pk, one in exported.items() if one.lines}
        self._name_products([line for one in told.values() for line in one.lines])
        present: dict[int, list[OrderLine]] = {}
        for line in OrderLine.objects.filter(order__in=list(told)).order_by("line_number"):
            present.setdefault(line.order_id, []).append(line)
        changed = [pk for pk, one in told.items() if lines_differ(one, present.get(pk, []))]
        OrderLine.objects.filter(order__in=changed).delete()
        lines = [(pk, PlacedLine(line.line)) for pk in changed for line in told[pk].lines]
        self._loading.insert_lines(lines)
        return changed

    def _name_products(self, lines: Sequence[ExportedLine]) -> None:
        """Set the product of each line, and make those that are new.

        A product that is known by its title alone stands under that title; a later line that has its number with this
        title gives it that number.
        """
        missing: dict[str, ExportedLine] = {}
        for one in lines:
            if one.names_product and product_key(one) not in self._products:
                missing.setdefault(product_key(one), one)
        if missing:
            self._find_products(missing)
            new = {key: one for key, one in missing.items() if key not in self._products}
            products = [
                Product(external_id=key, name=one.line.title or key, price=one.line.price or None)
                for key, one in new.items()
            ]
            self._loading.products(products)
            self._products.update(self._ids_by_number(list(new)))
        for one in lines:
            one.line.product_id = self._products[product_key(one)] if one.names_product else None

    def _find_products(self, missing: Mapping[str, ExportedLine]) -> None:
        self._products.update(self._ids_by_number(list(missing)))
        rest = {key: one for key, one in missing.items() if key not in self._products}
        titles = {one.line.title: key for key, one in rest.items()}
        source = self._loading.source
        by_title = Product.objects.filter(source=source, name__in=list(titles)).order_by("-pk")
        numbered = []
        for product in by_title if titles else ():
            key = titles[product.name]
            if not rest[key].product:
                self._products[key] = product.pk
            elif product.external_id == product.name[:100]:
                product.external_id = key
                numbered.append(product)
                self._products[key] = product.pk
        update_rows(Product, numbered, ["external_id"])

    def _ids_by_number(self, numbers: Sequence[str]) -> dict[str, int]:
        return dict(self._loading.rows(Product, "external_id", numbers).values_list("external_id", "pk"))

    def _keep_refunds(self, told: Mapping[int, Refund]) -> None:
        known: dict[int, Refund] = {}
        numbered = set()
        for row in Refund.objects.filter(order__in=list(told)):
            if row.number:
                numbered.add(row.order_id)
            else:
                known[row.order_id] = row
        new, changed = [], []
        for pk, refund in told.items():
            refund.order_id = pk
            if pk in numbered:
                continue
            if pk in known:
                changed += _renewed(known[pk], refund)
            elif refund.amount:
                new.append(refund)
        self._loading.insert(Refund, new)
        update_rows(Refund, changed, ["amount", "status"])


def _refunds_told(exported: Sequence[ExportedOrder], recorded: Mapping[str, Order]) -> dict[str, Refund]:
    """By order number; what is older than the recorded order tells nothing."""
    told: dict[str, Refund] = {}
    for one in exported:
        known = recorded.get(one.order.number)
        if one.refund is None or (known and is_older_news(one.told, than=known.status)):
            continue
        if known:
            one.refund.asked_at = known.ordered_at
        told[one.order.number] = one.refund
    return told


def lines_differ(told: ExportedOrder, present: Sequence[OrderLine], *, with_products: bool = True) -> bool:
    """Whether the lines that are there, in order, are to be replaced by those that are told.

    `with_products` also by other products, which are known of told lines once their products were found or made.
    """
    if not told.has_exact_lines or any(line.import_run_id is None for line in present):
        return not present
    facts = operator.attrgetter("line_number", "title", "quantity", "price", *(["product_id"] if with_products else []))
    return [facts(line) for line in present] != [facts(one.line) for one in told.lines]


def product_key(line: ExportedLine) -> str:
    return line.product or line.line.title[:100]


def _renewed(known: Refund, told: Refund) -> list[Refund]:
    """The known refund as it is now told, if that is another. What is no longer asked back was given up."""
    if told.amount:
        amount, status = told.amount, told.status
    else:
        amount, status = known.amount, Refund.Status.REFUSED
    if known.status == Refund.Status.PAID and status != Refund.Status.PAID:
        return []
    if (known.amount, known.status) == (amount, status):
        return []
    known.amount, known.status = amount, status
    return [known]

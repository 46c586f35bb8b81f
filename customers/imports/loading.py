"""Writing imported rows: in short transactions, leaving alone what is there, so that repeating is safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import models, transaction
from django.db.models import QuerySet

from customers.models import Account, Customer, ImportRun, Order, OrderLine, Product, Review, Source
from customers.services.trade_figures import refresh_trade_figures
from customers.signals import orders_imported

Row = TypeVar("Row", Customer, Account, Product, Order, OrderLine, Review)
KINDS: tuple[type[models.Model], ...] = (Customer, Account, Product, Order, OrderLine, Review)


@dataclass(frozen=True)
class Person:
    """An unsaved customer with the account that names him."""

    account: Account
    customer: Customer


@dataclass(frozen=True)
class PlacedLine:
    """An unsaved line and the number of its product in the source."""

    line: OrderLine
    product: str = ""


@dataclass(frozen=True)
class PlacedOrder:
    """An unsaved order with its lines, and the account number of who bought it (empty: nobody knows)."""

    order: Order
    buyer: str = ""
    lines: Sequence[PlacedLine] = field(default_factory=tuple)


@dataclass(frozen=True)
class OrderReview:
    """An unsaved review and the number of the order it is about."""

    review: Review
    order: str


def created_counts(run: ImportRun) -> dict[str, int]:
    """New rows of a run by kind (the model's name), as the database has them."""
    return {str(kind._meta.model_name): kind._default_manager.filter(import_run=run).count() for kind in KINDS}


class Loading:
    """Writes the rows of one run. Each call is one transaction; rows known by their number in the source stay as is.

    No gate is asked and nothing is sent: these orders were accepted elsewhere, and they are news of the past.
    """

    def __init__(self, run: ImportRun, source: Source) -> None:
        self.run = run
        self.source = source

    @transaction.atomic
    def people(self, people: Sequence[Person]) -> None:
        known = self._known(Account, "external_id", [person.account.external_id for person in people])
        new = [person for person in people if person.account.external_id not in known]
        self._create(Customer, [person.customer for person in new])
        for person in new:
            person.account.source = self.source
            person.account.customer = person.customer
        self._create(Account, [person.account for person in new])

    @transaction.atomic
    def products(self, products: Sequence[Product]) -> None:
        known = self._known(Product, "external_id", [product.external_id for product in products])
        new = [product for product in products if product.external_id not in known]
        for product in new:
            product.source = self.source
        self._create(Product, new)

    @transaction.atomic
    def orders(self, placed: Sequence[PlacedOrder]) -> None:
        """Record orders with their lines and their buyers' trade figures, and tell of the new ones.

        An order that is there stays as it is, with one exception: where an import made it and could not read one of
        its lines then, the line is added and the amounts are those with the line.
        """
        known = {order.number: order for order in self._rows(Order, "number", [one.order.number for one in placed])}
        new = [one for one in placed if one.order.number not in known]
        self._create_orders(new)
        grown = self._add_missing_lines(placed, known)
        changed = [one.order.pk for one in new] + grown
        if changed:
            buyers = Order.objects.filter(pk__in=changed, customer__isnull=False).values("customer")
            refresh_trade_figures(Customer.objects.filter(pk__in=buyers))
        if new:
            orders = Order.objects.filter(pk__in=[one.order.pk for one in new])
            orders_imported.send(Order, orders=orders, run=self.run, source=self.source)

    @transaction.atomic
    def reviews(self, reviews: Sequence[OrderReview]) -> None:
        known = self._known(Review, "external_id", [one.review.external_id for one in reviews])
        new = [one for one in reviews if one.review.external_id not in known]
        orders = {order.number: order for order in self._rows(Order, "number", [one.order for one in new])}
        for one in new:
            order = orders[one.order]
            one.review.source, one.review.order_id, one.review.customer_id = self.source, order.pk, order.customer_id
        self._create(Review, [one.review for one in new])

    def _rows(self, model: type[Row], number: str, numbers: Iterable[str]) -> QuerySet[Row]:
        return model._default_manager.filter(source=self.source, **{f"{number}__in": list(numbers)})

    def _known(self, model: type[models.Model], number: str, numbers: Iterable[str]) -> set[str]:
        return set(self._rows(model, number, numbers).values_list(number, flat=True))

    def _create(self, model: type[Row], rows: Sequence[Row]) -> None:
        for row in rows:
            row.import_run = self.run
        model._default_manager.bulk_create(rows)

    def _create_orders(self, new: Sequence[PlacedOrder]) -> None:
        accounts = self._rows(Account, "external_id", [one.buyer for one in new if one.buyer])
        customers = dict(accounts.values_list("external_id", "customer"))
        for one in new:
            one.order.source = self.source
            one.order.customer_id = customers.get(one.buyer)
        self._create(Order, [one.order for one in new])
        self._create_lines([(one.order.pk, line) for one in new for line in one.lines])

    def _create_lines(self, lines: Sequence[tuple[int, PlacedLine]]) -> None:
        products = self._rows(Product, "external_id", {line.product for _order, line in lines if line.product})
        keys = dict(products.values_list("external_id", "pk"))
        for order, placed in lines:
            placed.line.order_id = order
            placed.line.product_id = keys.get(placed.product)
        self._create(OrderLine, [placed.line for _order, placed in lines])

    def _add_missing_lines(self, placed: Sequence[PlacedOrder], known: Mapping[str, Order]) -> list[int]:
        """Return the ids of the orders that got a line."""
        imported = [(order, one) for one in placed if (order := known.get(one.order.number)) and order.import_run_id]
        lines = OrderLine.objects.filter(order__in=[order for order, _one in imported])
        present = set(lines.values_list("order", "line_number"))
        grown: dict[int, Order] = {}
        missing: list[tuple[int, PlacedLine]] = []
        for order, one in imported:
            for line in one.lines:
                if (order.pk, line.line.line_number) not in present:
                    missing.append((order.pk, line))
                    order.amount, order.postage = one.order.amount, one.order.postage
                    grown[order.pk] = order
        self._create_lines(missing)
        Order.objects.bulk_update(grown.values(), ["amount", "postage"])
        return list(grown)

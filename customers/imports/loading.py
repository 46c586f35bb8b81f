"""Writing imported rows: in short transactions, leaving alone what is there, so that repeating is safe."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import connection, models, transaction
from django.db.models import QuerySet

from customers.bulk import insert_rows
from customers.models import (
    Account,
    ContactValue,
    Customer,
    ImportRun,
    Order,
    OrderLine,
    Product,
    Refund,
    Review,
    Source,
)
from customers.services.trade_figures import refresh_trade_figures
from customers.signals import orders_imported

Numbered = TypeVar("Numbered", Account, Product, Order, Review)
KINDS: tuple[type[models.Model], ...] = (
    Customer,
    Account,
    ContactValue,
    Product,
    Order,
    OrderLine,
    Refund,
    Review,
)


@dataclass(frozen=True)
class Person:
    """An unsaved customer with the account that names him."""

    account: Account
    customer: Customer


@dataclass(frozen=True)
class PlacedLine:
    """An unsaved line and the number of its product in the source (empty: its product is set, or nobody knows)."""

    line: OrderLine
    product: str = ""


@dataclass(frozen=True)
class PlacedOrder:
    """An unsaved order with its lines, and the account number of who bought it (empty: its customer is set, or nobody
    knows)."""

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
        self._is_analysed = False

    @transaction.atomic
    def people(self, people: Sequence[Person]) -> None:
        known = self._known(Account, "external_id", [person.account.external_id for person in people])
        new = [person for person in people if person.account.external_id not in known]
        for person, customer in zip(new, self.insert_customers([person.customer for person in new]), strict=True):
            person.account.customer_id = customer
        self.insert(Account, [person.account for person in new], source_id=self.source.pk)

    def insert_customers(self, customers: Sequence[Customer]) -> list[int]:
        """Return their ids, in order."""
        self.insert(Customer, customers)
        # nobody else writes for this run, and later rows have higher ids
        latest = Customer.objects.filter(import_run=self.run).order_by("-pk").values_list("pk", flat=True)
        return sorted(latest[: len(customers)])

    @transaction.atomic
    def products(self, products: Sequence[Product]) -> None:
        known = self._known(Product, "external_id", [product.external_id for product in products])
        new = [product for product in products if product.external_id not in known]
        self.insert(Product, new, source_id=self.source.pk)

    @transaction.atomic
    def orders(self, placed: Sequence[PlacedOrder]) -> None:
        """Record orders with their lines and their buyers' trade figures, and tell of the new ones.

        An order that is there stays as it is, with one exception: where an import made it and could not read one of
        its lines then, the line is added and the amounts are those with the line.
        """
        rows = self.rows(Order, "number", [one.order.number for one in placed])
        known = {number: (pk, run) for number, pk, run in rows.values_list("number", "pk", "import_run")}
        new = [one for one in placed if one.order.number not in known]
        created = self.create_orders(new)
        changed = created + self._add_missing_lines(placed, known)
        if changed:
            self._analyse()
            buyers = Order.objects.filter(pk__in=changed, customer__isnull=False).values_list("customer", flat=True)
            refresh_trade_figures(Customer.objects.filter(pk__in=set(buyers)), at=self.run.started_at)
        if created:
            orders = Order.objects.filter(pk__in=created)
            orders_imported.send(Order, orders=orders, run=self.run, source=self.source)

    @transaction.atomic
    def reviews(self, reviews: Sequence[OrderReview]) -> None:
        known = self._known(Review, "external_id", [one.review.external_id for one in reviews])
        new = [one for one in reviews if one.review.external_id not in known]
        orders = self.rows(Order, "number", {one.order for one in new})
        found = {number: (pk, customer) for number, pk, customer in orders.values_list("number", "pk", "customer")}
        for one in new:
            one.review.order_id, one.review.customer_id = found[one.order]
        self.insert(Review, [one.review for one in new], source_id=self.source.pk)

    def create_orders(self, new: Sequence[PlacedOrder]) -> list[int]:
        """Return the ids of the orders."""
        accounts = self.rows(Account, "external_id", {one.buyer for one in new if one.buyer})
        customers = dict(accounts.values_list("external_id", "customer"))
        for one in new:
            if one.buyer:
                one.order.customer_id = customers.get(one.buyer)
        self.insert(Order, [one.order for one in new], source_id=self.source.pk)
        made = self.rows(Order, "number", [one.order.number for one in new])
        ids = dict(made.values_list("number", "pk"))
        self.insert_lines([(ids[one.order.number], line) for one in new for line in one.lines])
        return list(ids.values())

    def insert_lines(self, lines: Sequence[tuple[int, PlacedLine]]) -> None:
        products = self.rows(Product, "external_id", {line.product for _order, line in lines if line.product})
        ids = dict(products.values_list("external_id", "pk"))
        for order, placed in lines:
            placed.line.order_id = order
            if placed.product:
                placed.line.product_id = ids.get(placed.product)
        self.insert(OrderLine, [placed.line for _order, placed in lines])

    def _add_missing_lines(
        self, placed: Sequence[PlacedOrder], known: Mapping[str, tuple[int, int | None]]
    ) -> list[int]:
        """Return the ids of the orders that got a line; `known` has the ids of recorded orders and of their runs."""
        imported = {pk: one for one in placed for pk, run in [known.get(one.order.number, (0, None))] if run}
        present = set(OrderLine.objects.filter(order__in=list(imported)).values_list("order", "line_number"))
        missing = [
            (pk, line)
            for pk, one in imported.items()
            for line in one.lines
            if (pk, line.line.line_number) not in present
        ]
        self.insert_lines(missing)
        grown = {pk for pk, _line in missing}
        for pk in grown:
            told = imported[pk].order
            Order.objects.filter(pk=pk).update(amount=told.amount, postage=told.postage)
        return list(grown)

    def _analyse(self) -> None:
        """Once per run: in tables just filled, PostgreSQL would look through all lines for each customer's figures."""
        if connection.vendor == "postgresql" and not self._is_analysed:
            tables = ", ".join(
                connection.ops.quote_name(model._meta.db_table) for model in (Customer, Order, OrderLine)
            )
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {tables}")
        self._is_analysed = True

    def rows(self, model: type[Numbered], number: str, numbers: Collection[str]) -> QuerySet[Numbered]:
        return model._default_manager.filter(source=self.source, **{f"{number}__in": list(numbers)})

    def _known(self, model: type[Numbered], number: str, numbers: Collection[str]) -> set[str]:
        return set(self.rows(model, number, numbers).values_list(number, flat=True))

    def insert(self, model: type[models.Model], rows: Sequence[models.Model], **same: int) -> None:
        insert_rows(model, rows, import_run_id=self.run.pk, **same)

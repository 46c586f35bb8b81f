"""The Brazilian shop Olist, as published in its repository `work-at-olist-data`: a folder of CSV files.

Decisions that the files leave open:
- A customer is `customer_unique_id`, which is his account's id and nick; `customer_id` stands for one order of his.
- All times are those on the clocks of São Paulo; the files name no zone.
- A customer is known since his first order, and lives where his latest order went.
- Products have no name: category in English (else as it stands) and the beginning of the id. Their price is the latest
  one they were sold at.
- `canceled` and `unavailable` close an order. The files do not say when, so `closed_at` stays empty.
- What is to be paid is items and freight; where an order has no items, what was paid.
- A review's own id is not unique, so the order's id follows it.
"""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from customers.models import Account, Customer, Order, OrderLine, Product, Review

from .base import Format, ImportedFile
from .loading import Loading, OrderReview, Person, PlacedLine, PlacedOrder
from .rejects import Rejects
from .staging import Progress, StagedFile, Staging, tables_in
from .values import amount_of, choice, local_time, moment_of, moment_or_none, money, text, whole_number

STATUSES = {
    "created": Order.Status.UNPAID,
    "approved": Order.Status.PAID,
    "invoiced": Order.Status.PAID,
    "processing": Order.Status.PAID,
    "shipped": Order.Status.SENT,
    "delivered": Order.Status.DONE,
    "canceled": Order.Status.CLOSED,
    "unavailable": Order.Status.CLOSED,
}

# two ids and a dash make a review's number, which may have 100 characters
an_id = text(48, required=True)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
a_time = local_time(SAO_PAULO)

FILES = (
    StagedFile(
        "customers",
        "olist_customers_dataset.csv",
        {"customer_id": an_id, "customer_unique_id": an_id, "customer_city": text(80), "customer_state": text(60)},
        key=("customer_id",),
    ),
    StagedFile(
        "orders",
        "olist_orders_dataset.csv",
        {
            "order_id": an_id,
            "customer_id": an_id,
            "order_status": choice(*STATUSES),
            "order_purchase_timestamp": local_time(SAO_PAULO, required=True),
            "order_approved_at": a_time,
            "order_delivered_carrier_date": a_time,
            "order_delivered_customer_date": a_time,
        },
        key=("order_id",),
        references={"customer_id": "customers"},
    ),
    StagedFile(
        "categories",
        "product_category_name_translation.csv",
        {"product_category_name": text(90, required=True), "product_category_name_english": text(90)},
        key=("product_category_name",),
    ),
    StagedFile(
        "products",
        "olist_products_dataset.csv",
        {"product_id": an_id, "product_category_name": text(90)},
        key=("product_id",),
    ),
    StagedFile(
        "items",
        "olist_order_items_dataset.csv",
        {
            "order_id": an_id,
            "order_item_id": whole_number(1, 9999),
            "product_id": an_id,
            "price": money,
            "freight_value": money,
        },
        key=("order_id", "order_item_id"),
        references={"order_id": "orders", "product_id": "products"},
    ),
    StagedFile(
        "payments",
        "olist_order_payments_dataset.csv",
        {"order_id": an_id, "payment_sequential": whole_number(1, 9999), "payment_value": money},
        key=("order_id", "payment_sequential"),
        references={"order_id": "orders"},
    ),
    StagedFile(
        "reviews",
        "olist_order_reviews_dataset.csv",
        {
            "review_id": an_id,
            "order_id": an_id,
            "review_score": whole_number(1, 5),
            "review_comment_title": text(200),
            "review_comment_message": text(20_000),
            "review_creation_date": a_time,
            "review_answer_timestamp": a_time,
        },
        key=("review_id", "order_id"),
        references={"order_id": "orders"},
    ),
)

INDEXES = (
    "CREATE INDEX items_product ON items (product_id, order_id, price)",
    "CREATE INDEX orders_customer ON orders (customer_id, order_purchase_timestamp)",
)

PEOPLE = """
    SELECT customer_unique_id, customer_state, customer_city, first_at
    FROM (
        SELECT customer_unique_id, customer_state, customer_city,
               min(order_purchase_timestamp) OVER (PARTITION BY customer_unique_id) AS first_at,
               row_number() OVER (
                   PARTITION BY customer_unique_id ORDER BY order_purchase_timestamp DESC, customers.line
               ) AS newest
        FROM customers LEFT JOIN orders USING (customer_id)
    )
    WHERE newest = 1
    ORDER BY first_at, customer_unique_id
"""

PRODUCTS = """
    SELECT product_id,
           coalesce(nullif(product_category_name_english, ''), product_category_name),
           (SELECT price FROM items JOIN orders USING (order_id) WHERE items.product_id = products.product_id
            ORDER BY order_purchase_timestamp DESC, items.line DESC LIMIT 1)
    FROM products LEFT JOIN categories USING (product_category_name)
    ORDER BY products.line
"""

ORDERS = """
    SELECT order_id, customer_unique_id, order_status, order_purchase_timestamp, order_approved_at,
           order_delivered_carrier_date, order_delivered_customer_date,
           (SELECT sum(price + freight_value) FROM items WHERE items.order_id = orders.order_id),
           coalesce((SELECT sum(freight_value) FROM items WHERE items.order_id = orders.order_id), 0),
           coalesce((SELECT sum(payment_value) FROM payments WHERE payments.order_id = orders.order_id), 0),
           (SELECT json_group_array(json_array(order_item_id, product_id, price))
            FROM items WHERE items.order_id = orders.order_id)
    FROM orders JOIN customers USING (customer_id)
    ORDER BY order_purchase_timestamp, order_id
"""

REVIEWS = """
    SELECT review_id, order_id, review_score, review_comment_title, review_comment_message, review_creation_date,
           review_answer_timestamp
    FROM reviews
    ORDER BY line
"""


class OlistFormat(Format):
    source_code = "olist"
    source_name = "Olist"

    def __init__(self, file: ImportedFile, *, rejects: Rejects, progress: Progress) -> None:
        self.notes = []
        self._staging = Staging(tables_in(file.path, FILES), rejects=rejects, progress=progress)

    def close(self) -> None:
        self._staging.close()

    def read(self) -> None:
        self._staging.read()
        for statement in INDEXES:
            self._staging.run(statement)

    def write(self, loading: Loading) -> None:
        # On SQLite 500 of these rows, with their indexes, hold the write lock for some 50 ms; an order comes with lines
        # and writes its buyer's figures.
        size = max(1, settings.WRITE_BATCH // 2)
        for rows in self._staging.batches(PEOPLE, size, label="customers"):
            loading.people([_person(row, loading) for row in rows])
        for rows in self._staging.batches(PRODUCTS, size, label="products"):
            loading.products([_product(row) for row in rows])
        for rows in self._staging.batches(ORDERS, max(1, size // 2), label="orders"):
            loading.orders([_order(row) for row in rows])
        for rows in self._staging.batches(REVIEWS, size, label="reviews"):
            loading.reviews([_review(row) for row in rows])


def _person(row: tuple[Any, ...], loading: Loading) -> Person:
    number, state, city, first_at = row
    # one whose order was rejected has none: he is known since this import
    known_since = moment_or_none(first_at) or loading.run.started_at
    return Person(
        account=Account(external_id=number, nick=number),
        customer=Customer(province=state, city=city, registered_at=known_since),
    )


def _product(row: tuple[Any, ...]) -> Product:
    number, category, price = row
    category = category.replace("_", " ")
    return Product(
        external_id=number,
        name=f"{category or 'product'} {number[:8]}",
        category=category,
        price=None if price is None else amount_of(price),
    )


def _order(row: tuple[Any, ...]) -> PlacedOrder:
    number, buyer, word, ordered_at, approved_at, sent_at, delivered_at, amount, freight, paid, lines = row
    status = STATUSES[word]
    order = Order(
        number=number,
        status=status,
        close_reason=word if status == Order.Status.CLOSED else "",
        amount=amount_of(paid if amount is None else amount),
        postage=amount_of(freight),
        paid_amount=amount_of(paid),
        ordered_at=moment_of(ordered_at),
        paid_at=moment_or_none(approved_at),
        sent_at=moment_or_none(sent_at),
        done_at=moment_or_none(delivered_at) if status == Order.Status.DONE else None,
    )
    return PlacedOrder(order, buyer=buyer, lines=[_line(*line) for line in json.loads(lines)])


def _line(position: int, product: str, price: int) -> PlacedLine:
    return PlacedLine(OrderLine(line_number=position, price=amount_of(price)), product=product)


def _review(row: tuple[Any, ...]) -> OrderReview:
    number, order, score, title, comment, asked_at, reviewed_at = row
    review = Review(
        external_id=f"{number}-{order}",
        score=score,
        title=title,
        text=comment,
        asked_at=moment_or_none(asked_at),
        reviewed_at=moment_or_none(reviewed_at),
    )
    return OrderReview(review, order=order)

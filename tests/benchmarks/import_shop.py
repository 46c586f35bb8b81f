"""Importing a shop from CSV files, against the rows that this makes, inserted bare into the same tables.

DESIGN names no baseline for it: this one is the least that any import must do to leave the same database behind.
"""

import csv
import random
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from customers.imports.runs import import_shop
from customers.models import Account, ContactValue, Customer, ImportRun, Order, OrderLine, Product, Review, Source

from .harness import Result, in_turn, seconds

TABLES = (ImportRun, Source, Product, Customer, Account, ContactValue, Order, OrderLine, Review)


def measure(*, customers, rounds):
    customers //= 5  # some 65,000 rows of 100,000 customers are enough, and a round is to be short
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), customers)

        def load():
            call_command("flush", interactive=False, verbosity=0)
            return seconds(lambda: run(Path(folder)))

        load()
        rows = {model._meta.db_table: read(model._meta.db_table) for model in TABLES}

        def bare():
            call_command("flush", interactive=False, verbosity=0)
            return seconds(lambda: insert(rows))

        ours, baseline = in_turn(load, bare, rounds)
    count = sum(len(lines) for _columns, lines in rows.values())
    yield Result(
        benchmark="import",
        database=connection.vendor,
        unit="rows",
        speed=count / ours,
        baseline=count / baseline,
        baseline_is="the rows it makes by executemany, nothing read or checked",
    )


def run(folder):
    done = import_shop("olist", folder, by=None, now=timezone.now, progress=lambda *step: None)
    if done.state != ImportRun.State.FINISHED:
        raise RuntimeError(done.message)


def read(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        return [column[0] for column in cursor.description], cursor.fetchall()


def insert(rows):
    for table, (columns, lines) in rows.items():
        if not lines:
            continue
        marks = ", ".join(["%s"] * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        for start in range(0, len(lines), settings.WRITE_BATCH):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.executemany(sql, lines[start : start + settings.WRITE_BATCH])


def write_files(folder, customers):
    """The files of an Olist shop: an order, an item, a payment and a review of each customer."""
    dice = random.Random(1)
    numbers = [f"{dice.getrandbits(128):032x}" for _ in range(customers)]
    products = [f"{dice.getrandbits(128):032x}" for _ in range(max(1, customers // 20))]
    when = "2018-01-0{} 10:00:00"
    write(
        folder / "olist_customers_dataset.csv",
        ("customer_id", "customer_unique_id", "customer_city", "customer_state"),
        ((f"c{number}"[:32], number, "sao paulo", "SP") for number in numbers),
    )
    times = ("order_purchase_timestamp", "order_approved_at")
    times += ("order_delivered_carrier_date", "order_delivered_customer_date")
    write(
        folder / "olist_orders_dataset.csv",
        ("order_id", "customer_id", "order_status", *times),
        ((number, f"c{number}"[:32], "delivered", *(when.format(day) for day in (1, 2, 3, 9))) for number in numbers),
    )
    write(
        folder / "olist_order_items_dataset.csv",
        ("order_id", "order_item_id", "product_id", "price", "freight_value"),
        ((number, 1, dice.choice(products), "58.90", "13.29") for number in numbers),
    )
    write(
        folder / "olist_order_payments_dataset.csv",
        ("order_id", "payment_sequential", "payment_value"),
        ((number, 1, "72.19") for number in numbers),
    )
    review = ("review_id", "order_id", "review_score", "review_comment_title", "review_comment_message")
    write(
        folder / "olist_order_reviews_dataset.csv",
        (*review, "review_creation_date", "review_answer_timestamp"),
        ((number, number, 5, "", "Muito bom", when.format(8), when.format(9)) for number in numbers),
    )
    write(
        folder / "olist_products_dataset.csv",
        ("product_id", "product_category_name"),
        ((product, "perfumaria") for product in products),
    )
    write(
        folder / "product_category_name_translation.csv",
        ("product_category_name", "product_category_name_english"),
        [("perfumaria", "perfumery")],
    )


def write(path, columns, lines):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *lines])

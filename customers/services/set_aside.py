"""Finding the customers that a job changes once, before it writes in short transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F, QuerySet

from customers.bulk import insert_from
from customers.models import SetAside

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


def set_aside(*several: CustomerQuerySet) -> QuerySet[SetAside]:
    """Keep their ids in a temporary table of this connection, instead of those that were kept there before.

    Each query is read once, and takes no lock that others wait for.
    """
    table = connection.ops.quote_name(SetAside._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} (customer_id bigint PRIMARY KEY)")
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608  (the model's own name)
    for customers in several:
        insert_from(SetAside, customers, customer=F("pk"), ignore_conflicts=True)
    return SetAside.objects.all()

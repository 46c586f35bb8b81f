"""The locks of the house: between order intake and the blocklist, between claims, between inquiries, between
new groups.

Order intake takes the first one shared, whoever changes what the gate answers (ban, lift, link, merge) takes it
exclusively, each before it looks. So an order that looked before a ban is recorded before the ban commits, and every
other order sees the ban. A lock on the customer's row would not help: a guest has none.

PostgreSQL: a transaction advisory lock, taken in a statement of its own, so that the next statement's snapshot is newer
than the lock. SQLite: the outermost transaction is IMMEDIATE and holds the one write lock already.
"""

from __future__ import annotations

from django.db import connection

INTAKE = 730_001
CLAIM = 730_002
ROUTE = 730_003
GROUPS = 730_004


def _lock(function: str, number: int) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("A lock is taken inside the transaction that it protects.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [number])


def share_intake() -> None:
    """Let other orders pass and wait for, or keep off, changes of the blocklist until the transaction ends."""
    _lock("pg_advisory_xact_lock_shared", INTAKE)


def close_intake() -> None:
    """Wait for the orders under way and keep off new ones until the transaction ends."""
    _lock("pg_advisory_xact_lock", INTAKE)


def claim_alone() -> None:
    """Let claims of deliveries run one after another, so that each sees what the one before it has claimed."""
    _lock("pg_advisory_xact_lock", CLAIM)


def route_alone() -> None:
    """Let whatever changes an inquiry happen one after another.

    So each routing sees the inquiry that the one before it opened, and how busy it has made an agent. Bindings and
    merges take it too: whoever is bound is then nobody else.
    """
    _lock("pg_advisory_xact_lock", ROUTE)


def add_group_alone() -> None:
    """Let new groups be counted and added one after another, so that each sees those before it."""
    _lock("pg_advisory_xact_lock", GROUPS)

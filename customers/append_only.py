"""Tables that are only ever added to: the database itself refuses to change or delete a row of them.

A model says so with `is_append_only = True`. The triggers are made after every `migrate`, because SQLite loses them
where it builds a table anew, and looked for before a shop is served. A migration that has to change such rows lifts the
triggers first (`unprotect`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION crm_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'The table % is append-only.', TG_TABLE_NAME; END $$
"""
POSTGRESQL = "CREATE TRIGGER {trigger} BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION crm_append_only()"
SQLITE = (
    "CREATE TRIGGER {trigger} BEFORE {change} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'The table {table} is append-only.'); END"
)
CHANGES = ("UPDATE", "DELETE")


def protected_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if getattr(model, "is_append_only", False)]


def protect(tables: Sequence[str] | None = None) -> list[str]:
    """Make the triggers that are missing, of these tables or of all; return the tables that lacked one.

    Repeating is safe. Does nothing where the setting APPEND_ONLY_TRIGGERS is off.
    """
    missing = [pair for pair in _missing() if tables is None or pair[0] in tables]
    if missing:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(POSTGRESQL_FUNCTION)
            statement = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
            for table, change in missing:
                cursor.execute(statement.format(trigger=_name(table, change), change=change, table=table))
    return sorted({table for table, _change in missing})


def unprotect(tables: Sequence[str]) -> None:
    """Drop the triggers of these tables. Repeating is safe."""
    of_table = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for table in tables:
            for change in CHANGES:
                place = f" ON {table}" if of_table else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(table, change)}{place}")


def unprotected_tables() -> list[str]:
    """The tables that lack a trigger, in order; none where the setting APPEND_ONLY_TRIGGERS is off. One query."""
    return sorted({table for table, _change in _missing()})


def protect_after_migrate(sender: Any, **kwargs: Any) -> None:
    """An app was migrated: its tables are there now, perhaps built anew."""
    present = set(connection.introspection.table_names())
    own = [model._meta.db_table for model in protected_models() if model._meta.app_label == sender.label]
    protect([table for table in own if table in present])


def _missing() -> list[tuple[str, str]]:
    """Table and change of each trigger that is not there."""
    if not settings.APPEND_ONLY_TRIGGERS:
        return []
    present = _triggers()
    tables = [model._meta.db_table for model in protected_models()]
    return [(table, change) for table in tables for change in CHANGES if _name(table, change) not in present]


def _triggers() -> set[str]:
    asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        # a trigger that somebody disabled protects nothing
        asked = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND pg_table_is_visible(pg_class.oid)"
        )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return {name for (name,) in cursor.fetchall()}


def _name(table: str, change: str) -> str:
    return f"{table}_no_{change.lower()}"

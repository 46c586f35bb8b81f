"""Writing many rows in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models import QuerySet, Value

Rows = TypeVar("Rows", bound="QuerySet[Any]")


def insert_from(
    model: type[models.Model],
    rows: QuerySet[Any],
    /,
    *,
    ignore_conflicts: bool = False,
    **columns: Any,
) -> int:
    """Run one `INSERT INTO model (columns) SELECT … FROM rows` and return how many rows it wrote.

    Each keyword names a field of `model`; its value is a plain value, a row of another model, or an expression over
    `rows` (`F`, `Case`, …). Fields left out take their Python default. With `ignore_conflicts` a row that breaks a
    unique constraint is left out, so repeating is safe. No `save()` runs and no signal is sent.
    """
    fields = {
        field.name: field for field in model._meta.concrete_fields if not field.primary_key or field.name in columns
    }
    values: dict[str, Any] = {}
    for name, field in fields.items():
        value = columns.pop(name) if name in columns else field.get_default()
        if isinstance(value, models.Model):
            value = value.pk
        if not hasattr(value, "resolve_expression"):
            value = Value(field.get_prep_value(value), output_field=_column_type(field))
        values[f"_{name}"] = value
    if columns:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(columns))}")
    connection = connections[router.db_for_write(model)]
    select = rows.order_by().annotate(**values).values_list(*values)
    try:
        sql, params = select.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # Django can tell without asking the database: `pk__in=[]`
        return 0
    quoted = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields.values())
    table = connection.ops.quote_name(model._meta.db_table)
    if ignore_conflicts and connection.vendor == "sqlite":
        # without a WHERE of its own, SQLite takes the ON of ON CONFLICT for a join
        sql = f"SELECT * FROM ({sql}) WHERE true"  # noqa: S608  (the compiler's own SQL)
    if ignore_conflicts:
        sql = f"{sql} ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({quoted}) {sql}", params)
        return int(cursor.rowcount)


def _column_type(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """What a plain value of this field is on the wire: a foreign key is its target's key."""
    return field.target_field if isinstance(field, models.ForeignKey) else field


def in_batches(rows: Rows, *, size: int | None = None) -> Iterator[Rows]:
    """Yield `rows` in stretches of ascending ids of at most `size` (WRITE_BATCH) rows, each its own short transaction.

    Each stretch is looked up when it is asked for, so rows may change between them.
    """
    size = size or settings.WRITE_BATCH
    rows, passed = rows.order_by("pk"), 0
    while True:
        rest = rows.filter(pk__gt=passed)
        last = stretch_end(rest, size)
        if last is None:
            return
        yield rest.filter(pk__lte=last).order_by()
        passed = last


def stretch_end(rows: QuerySet[Any], size: int) -> int | None:
    """The id of the `size`-th row in order of ids, or of the last where there are fewer; None where there is none."""
    ids = rows.order_by("pk").values_list("pk", flat=True)
    full = list(ids[size - 1 : size])
    return full[0] if full else ids.last()


def insert_rows(model: type[models.Model], rows: Sequence[models.Model], **same: Any) -> None:
    """Insert unsaved rows, whose keys stay unknown, with the columns `same` alike in all of them.

    `bulk_create` spends three times as long, on preparing every value of every row by itself.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    fields = [column for column in model._meta.concrete_fields if not column.primary_key]
    for column in fields:
        if getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False):
            same[column.attname] = column.pre_save(rows[0], add=True)
    columns: list[Iterable[Any]] = []
    for column in fields:
        if column.attname in same:
            columns.append(repeat(column.get_db_prep_save(same[column.attname], connection)))
        else:
            columns.append(_prepared(column, rows, connection))
    names = ", ".join(connection.ops.quote_name(str(column.column)) for column in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    values = zip(*columns, strict=False)  # not strict: the same value repeats without end
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # a third of the time of INSERT, which would be parsed anew for every row
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)
        else:
            marks = ", ".join(["%s"] * len(fields))
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  (names are the models')
            cursor.executemany(statement, list(values))


def _prepared(column: models.Field[Any, Any], rows: Sequence[models.Model], connection: Any) -> Iterator[Any]:
    values = map(attrgetter(column.attname), rows)
    if isinstance(column, (models.DateTimeField, models.DecimalField)):
        return (column.get_db_prep_save(value, connection) for value in values)
    return values


def update_rows(model: type[models.Model], rows: Sequence[models.Model], names: Collection[str]) -> None:
    """Write these columns of saved rows, and their `updated_at` where there is one, in one statement run per row.

    `bulk_update` makes a CASE with a branch per row and field, in many statements on SQLite.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    fields = [
        field for field in model._meta.concrete_fields if field.attname in names or getattr(field, "auto_now", False)
    ]
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {assignments} WHERE id = %s"  # noqa: S608  (names are ours)
    values = [
        [*(field.get_db_prep_save(field.pre_save(row, add=False), connection) for field in fields), row.pk]
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)

"""Queries that are compiled once. For Django, building a query costs ten times what the database needs to answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models import Expression, QuerySet
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)


class Slot(Expression):
    """Stands in a prepared query for a value that is told when it runs."""

    def __init__(self, name: str, output_field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return "%s", [self]


class Fixed(Expression):
    """A word of our own that stands in the SQL itself.

    Where a partial index hangs on it, SQLite plans the query anew for each value of a parameter, which costs more than
    answering it.
    """

    def __init__(self, word: str) -> None:
        if not re.fullmatch("[a-z_]+", word):
            raise ValueError("Only a word of our own may stand in the SQL itself.")
        super().__init__(output_field=models.CharField())
        self.word = word

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return f"'{self.word}'", []


def _cursor(connection: Any) -> Any:
    """On PostgreSQL one that keeps the plan: there, planning such a query costs as much again as answering it."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor  # noqa: PLC0415  (needs the driver)

    connection.close_if_health_check_failed()
    connection.ensure_connection()
    kept: Any = ServerBindingCursor
    return connection._prepare_cursor(kept(connection.connection))


class _Compiled:
    """The SQL of a queryset, and what stands for its parameters."""

    def __init__(self, rows: QuerySet[Any, Any]) -> None:
        self._database = rows.db
        self._compiler: Any = rows.query.get_compiler(using=rows.db)
        self._sql, self._parameters = self._compiler.as_sql()
        self._slots = {one.name: one.output_field for one in self._parameters if isinstance(one, Slot)}
        self._converters = self._compiler.get_converters([column[0] for column in self._compiler.select])

    def _fetch(self, values: Mapping[str, Any], *, most: int | None = None) -> list[Any]:
        """The rows as the database has them, all or so many, once each value has filled the slots of its name."""
        connection = connections[self._database]
        filled = {name: field.get_db_prep_value(values[name], connection) for name, field in self._slots.items()}
        parameters = [filled[one.name] if isinstance(one, Slot) else one for one in self._parameters]
        with _cursor(connection) as cursor:
            cursor.execute(self._sql, parameters)
            found = cursor.fetchall() if most is None else cursor.fetchmany(most)
        return list(self._compiler.apply_converters(found, self._converters)) if found else []


class Prepared(_Compiled, Generic[Row]):
    """A queryset of model rows in which slots stand for values. Only for the few queries of busy doors."""

    def __init__(self, rows: QuerySet[Row]) -> None:
        super().__init__(rows)
        compiler = self._compiler
        information: Any = compiler.klass_info
        fields = information["select_fields"]
        self._model: type[Row] = information["model"]
        self._columns = slice(fields[0], fields[-1] + 1)
        self._names = [column[0].target.attname for column in compiler.select[self._columns]]
        self._related = get_related_populators(information, compiler.select, rows.db)  # type: ignore[call-arg]  # since 6.1

    def first(self, **values: Any) -> Row | None:
        """The first row, with what is selected as related, or None. Each keyword fills the slots of its name."""
        found = self._fetch(values, most=1)
        if not found:
            return None
        (row,) = found
        instance = self._model.from_db(self._database, self._names, row[self._columns])
        for related in self._related:
            related.populate(row, instance)
        return instance


class PreparedValues(_Compiled):
    """The same of a queryset that ends in `values(…)`."""

    def __init__(self, rows: QuerySet[Any, dict[str, Any]]) -> None:
        super().__init__(rows)
        self._names = list(rows.query.selected or ())

    def all(self, **values: Any) -> list[dict[str, Any]]:
        """Its rows. Each keyword fills the slots of its name."""
        return [dict(zip(self._names, row, strict=True)) for row in self._fetch(values)]

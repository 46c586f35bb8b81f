"""Queries that are compiled once. For Django, building a query costs ten times what the database needs to answer it."""

from __future__ import annotations

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


class Prepared(Generic[Row]):
    """A queryset of model rows in which slots stand for values. Only for the few queries of busy doors."""

    def __init__(self, rows: QuerySet[Row]) -> None:
        self._database = rows.db
        compiler = rows.query.get_compiler(using=rows.db)
        self._sql, self._parameters = compiler.as_sql()
        information: Any = compiler.klass_info
        fields = information["select_fields"]
        self._model: type[Row] = information["model"]
        self._columns = slice(fields[0], fields[-1] + 1)
        self._names = [column[0].target.attname for column in compiler.select[self._columns]]
        self._related = get_related_populators(information, compiler.select, rows.db)  # type: ignore[call-arg]  # since 6.1
        self._converters = compiler.get_converters([column[0] for column in compiler.select])
        self._compiler: Any = compiler

    def first(self, **values: Any) -> Row | None:
        """The first row, with what is selected as related, or None. Each keyword fills the slot of its name."""
        connection = connections[self._database]
        filled = [
            parameter.output_field.get_db_prep_value(values[parameter.name], connection)
            if isinstance(parameter, Slot)
            else parameter
            for parameter in self._parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, filled)
            found = cursor.fetchone()
        if found is None:
            return None
        (row,) = self._compiler.apply_converters([found], self._converters)
        instance = self._model.from_db(self._database, self._names, row[self._columns])
        for related in self._related:
            related.populate(row, instance)
        return instance

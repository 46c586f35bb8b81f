"""A beginning that an index can find."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler

HIGHEST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


@CharField.register_lookup
class Begins(Lookup[Any]):
    """`nick__begins`: case counts, on every database.

    SQLite's LIKE folds case and therefore reads no index: the same rows are the range from the text to the next text
    that does not begin with it. PostgreSQL's index (`varchar_pattern_ops`) knows LIKE.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        least, most = str(self.rhs), _after(str(self.rhs))
        if not most:
            return f"{column} >= %s", (*parameters, least)
        return f"({column} >= %s AND {column} < %s)", (*parameters, least, *parameters, most)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", (*parameters, f"{connection.ops.prep_for_like_query(self.rhs)}%")


def _after(text: str) -> str:
    """The first text behind all that begin with this one, in the order of code points; empty where there is none."""
    text = text.rstrip(chr(HIGHEST))
    if not text:
        return ""
    following = ord(text[-1]) + 1
    return text[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)

"""The scratch database of one import: files are read into it, checked against each other, and read out joined.

It is SQLite's private temporary database, on disk beyond a small cache, gone when it is closed or the process dies. So
memory stays flat whatever the size of the shop, and a file that turns out wrong at its end has changed nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from .files import CsvFile, Table, WrongFile
from .rejects import Rejects
from .values import BadValue, Parser, Stored

# What is being done, how much of it is done, and of how much. The unit is its own affair.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class StagedFile:
    """One file of an export and the table of the scratch database that holds its good rows.

    `columns` are the columns that are taken over, in order, each with its check. Those that are `optional` are NULL in
    every row where the file has no such column; a column may have other names in the file, its `spellings`. A second
    row with the same `key` is bad (`line`, where it stands, is a key that never fails), and so is a row whose value in
    a column of `references` stands in no row of that table (whose key it is).
    """

    table: str
    file: str
    columns: Mapping[str, Parser]
    key: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)
    optional: Collection[str] = ()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def position(self, column: str, header: Sequence[str]) -> int | None:
        names = (column, *self.spellings.get(column, ()))
        return next((header.index(name) for name in names if name in header), None)

    def called(self, column: str) -> str:
        """What the file calls the column, for the rejects."""
        return column

    def what_is_wrong(self, values: Sequence[Stored]) -> str:
        """Why the fields of a row, each good by itself, make no row; empty where they do."""
        return ""

    def check_header(self, header: Sequence[str], file: str) -> None:
        """Raise WrongFile, naming the columns that must be there and are not."""
        needed = [column for column in self.columns if column not in self.optional]
        if missing := [column for column in needed if self.position(column, header) is None]:
            raise WrongFile(
                _("%(file)s is no such file: these columns are missing: %(columns)s.")
                % {"file": file, "columns": ", ".join(missing)}
            )

    @property
    def create_statement(self) -> str:
        columns = ", ".join(self.columns)
        return (
            f"CREATE TABLE {self.table} ({columns}, line INTEGER NOT NULL, PRIMARY KEY ({', '.join(self.key)}))"
            " WITHOUT ROWID"
        )

    @property
    def insert_statement(self) -> str:
        marks = ", ".join("?" * (len(self.columns) + 1))
        return f"INSERT OR IGNORE INTO {self.table} VALUES ({marks})"  # noqa: S608  (names are this code's own)


class Staging:
    def __init__(self, files: Sequence[tuple[StagedFile, Table]], *, rejects: Rejects, progress: Progress) -> None:
        self._files = files
        self._rejects = rejects
        self._progress = progress
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("PRAGMA cache_size=-32000")

    def close(self) -> None:
        self._database.close()

    def read(self) -> None:
        """Read all files, which name those they refer to after them; raise WrongFile before or while reading."""
        for staged, source in self._files:
            staged.check_header(source.header(), source.name)
        self._database.execute("BEGIN")
        for staged, source in self._files:
            self._read_file(staged, source)
            for column, table in staged.references.items():
                self._reject_orphans(staged, source.name, column, self._key_of(table))
        self._database.execute("COMMIT")

    def run(self, statement: str) -> None:
        self._database.execute(statement)

    def batches(self, query: str, size: int, *, label: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in lists of at most `size`, telling the progress after each that was worked off."""
        total = self._database.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]  # noqa: S608
        cursor, done = self._database.execute(query), 0
        self._progress(label, done, total)
        while rows := cursor.fetchmany(size):
            yield rows
            done += len(rows)
            self._progress(label, done, total)

    def _read_file(self, staged: StagedFile, source: Table) -> None:
        name, header = source.name, source.header()
        self._database.execute(staged.create_statement)
        insert = staged.insert_statement
        columns = [(column, parse, staged.position(column, header)) for column, parse in staged.columns.items()]
        rows = source.rows(
            on_bad_row=lambda line, reason: self._rejects.add(name, line, "", reason),
            on_progress=lambda done, total: self._progress(name, done, total),
        )
        for line, fields in rows:
            values: list[Stored] = []
            try:
                for column, parse, position in columns:  # noqa: B007  (told when it fails)
                    values.append(None if position is None else parse(fields[position]))
            except BadValue as error:
                self._rejects.add(name, line, staged.called(column), str(error))
                continue
            if wrong := staged.what_is_wrong(values):
                self._rejects.add(name, line, "", wrong)
                continue
            if not self._database.execute(insert, (*values, line)).rowcount:
                self._rejects.add(
                    name, line, ", ".join(map(staged.called, staged.key)), _("has come in an earlier row already")
                )

    def _reject_orphans(self, staged: StagedFile, name: str, column: str, target: tuple[str, str]) -> None:
        table, key = target
        orphans = f"FROM {staged.table} WHERE {column} NOT IN (SELECT {key} FROM {table})"  # noqa: S608
        for (line,) in self._database.execute(f"SELECT line {orphans} ORDER BY line"):
            self._rejects.add(name, line, column, _("names a row that is not there"))
        self._database.execute(f"DELETE {orphans}")

    def _key_of(self, table: str) -> tuple[str, str]:
        return table, next(staged.key[0] for staged, _source in self._files if staged.table == table)


def tables_in(folder: Path, files: Sequence[StagedFile]) -> list[tuple[StagedFile, Table]]:
    """Find every file, plain or gzip'd; raise WrongFile unless the folder holds them all."""
    if not folder.exists():
        raise WrongFile(_("%(path)s does not exist.") % {"path": folder})
    if not folder.is_dir():
        raise WrongFile(_("%(path)s is no folder; this format reads a folder of files.") % {"path": folder})
    if missing := [staged.file for staged in files if not any(path.is_file() for path in _places(folder, staged.file))]:
        raise WrongFile(
            _("These files are missing in %(path)s: %(files)s.") % {"path": folder, "files": ", ".join(missing)}
        )
    return [(staged, CsvFile(_find(folder, staged.file))) for staged in files]


def _places(folder: Path, file: str) -> Iterator[Path]:
    return chain([folder / file], [folder / f"{file}.gz"])


def _find(folder: Path, file: str) -> Path:
    return next(path for path in _places(folder, file) if path.is_file())

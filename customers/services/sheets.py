"""Writing rows as CSV or XLSX, one after the other. No spreadsheet program shall run what a customer typed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Self, TypeAlias

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

Cell: TypeAlias = "str | int | Decimal | datetime | None"

# Tells Excel that a CSV file is UTF-8.
BOM = "\ufeff"
# https://owasp.org/www-community/attacks/CSV_Injection, and the wide signs that Excel in East Asia reads alike
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Excel has 1,048,576 lines on a sheet, and 32,767 characters in a cell.
MOST_LINES = 1_000_000
MOST_CHARACTERS = 32_000


def safe_text(text: str) -> str:
    """The text so that no spreadsheet program takes it for a formula: an apostrophe stands before a dangerous one."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


class Sheet:
    """A file that rows are written into; texts are made safe, numbers stay numbers, times are the shop's.

    Use it with `with`; without `save` at the end there is no complete file.
    """

    suffix: ClassVar[str]

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        raise NotImplementedError

    def save(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class CsvSheet(Sheet):
    suffix = ".csv"

    def __init__(self, path: Path, head: Sequence[str]) -> None:
        self.file = path.open("w", encoding="utf-8-sig", newline="")
        self.lines = csv.writer(self.file)
        self.lines.writerow([safe_text(text) for text in head])

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        self.lines.writerows([_in_csv(cell) for cell in row] for row in rows)

    def save(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class XlsxSheet(Sheet):
    """Kept on disk by openpyxl while it grows; a new sheet begins where one is full."""

    suffix = ".xlsx"

    def __init__(self, path: Path, head: Sequence[str]) -> None:
        self.path, self.head = path, [safe_text(text) for text in head]
        self.book, self.is_saved = Workbook(write_only=True), False
        self._begin()

    def _begin(self) -> None:
        self.sheet, self.line_count = self.book.create_sheet(), 0
        self.sheet.freeze_panes = "A2"
        self.sheet.append(self.head)

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            if self.line_count == MOST_LINES:
                self._begin()
            self.sheet.append([_in_xlsx(cell) for cell in row])
            self.line_count += 1

    def save(self) -> None:
        self.book.save(self.path)
        self.is_saved = True

    def close(self) -> None:
        if not self.is_saved:
            self.sheet.close()


SHEETS: dict[str, Callable[[Path, Sequence[str]], Sheet]] = {"csv": CsvSheet, "xlsx": XlsxSheet}


def _in_csv(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return safe_text(cell)
    return f"{timezone.localtime(cell):%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else cell


def _in_xlsx(cell: Cell) -> Cell:
    """A text that begins with = would be a formula; as a saved CSV any dangerous text would, so both are made safe."""
    if isinstance(cell, str):
        return safe_text(ILLEGAL_CHARACTERS_RE.sub("", cell))[:MOST_CHARACTERS]
    return timezone.localtime(cell).replace(tzinfo=None) if isinstance(cell, datetime) else cell

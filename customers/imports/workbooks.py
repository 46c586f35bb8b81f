"""Tables in Excel workbooks (.xlsx), read as a stream; and telling a workbook from a CSV file."""

from __future__ import annotations

import mmap
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from .files import CsvFile, Table, WrongFile

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

# A workbook is packed: a small file may hold any amount. Its texts are kept in memory, its rows are not. zipfile reads
# no more of a part than its declared size, and expat (2.4.1 and newer) stops entities that multiply.
LARGEST_WORKBOOK = 1 << 30
LARGEST_TEXTS = 128 << 20
LAST_ROW = 1_048_576  # Excel's own limit

# What openpyxl raises at a workbook that is damaged inside.
DAMAGED = (zipfile.BadZipFile, zlib.error, ParseError, InvalidFileException, EOFError, KeyError, ValueError, TypeError)


def open_table(path: Path, *, name: str = "", csv_file: type[CsvFile] = CsvFile) -> Table:
    """The table at `path`, CSV or workbook as its first bytes tell, whatever its name says. Raises WrongFile.

    `name` is what the clerk calls it, by default the name it lies under.
    """
    name = name or path.name
    try:
        with path.open("rb") as file:
            start = file.read(8)
            is_workbook = start == OLE and _holds(path, "Workbook") and not _holds(path, "EncryptedPackage")
    except IsADirectoryError as error:
        raise WrongFile(_("%(path)s is a folder; this format reads one file.") % {"path": path}) from error
    except FileNotFoundError as error:
        raise WrongFile(_("%(path)s does not exist.") % {"path": path}) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WrongFile(_("%(file)s cannot be read: %(reason)s.") % {"file": name, "reason": reason}) from error
    if not start:
        raise WrongFile(_("%(file)s is empty.") % {"file": name})
    if is_workbook:
        raise WrongFile(_("%(file)s is an old .xls workbook. Save it as .xlsx and import that.") % {"file": name})
    if start == OLE:
        raise WrongFile(
            _("%(file)s is encrypted. Open it with its password, save it without one, and import that.")
            % {"file": name}
        )
    if start.startswith(UTF_16):
        raise WrongFile(
            _("%(file)s is UTF-16 text. Save it as “CSV UTF-8” or as .xlsx and import that.") % {"file": name}
        )
    return Workbook(path, name=name) if start.startswith(ZIP) else csv_file(path, name=name)


def _holds(path: Path, stream: str) -> bool:
    """Whether the OLE container at `path` has a stream of this name."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(stream.encode("utf-16-le")) >= 0


class Workbook(Table):
    """The first sheet of a workbook; formulas stand for the value they had when it was saved."""

    def header(self) -> list[str]:
        with self._sheet() as rows:
            return self._header(rows)

    def rows(
        self, *, on_bad_row: Callable[[int, str], None], on_progress: Callable[[int, int], None]
    ) -> Iterator[tuple[int, list[str]]]:
        """Empty rows are passed over; fields beyond the header's are dropped."""
        with self._sheet() as rows:
            width = len(self._header(rows))
            number = 1
            for number, cells in enumerate(rows, start=2):
                if number > LAST_ROW:
                    raise WrongFile(_("%(file)s has more rows than a workbook can have.") % {"file": self.name})
                fields = [_text_of(cell) for cell in cells[:width]]
                if any(fields):
                    yield number, fields + [""] * (width - len(fields))
                if number % 1000 == 0:
                    on_progress(number, number)
            on_progress(number, number)

    @staticmethod
    def _header(rows: Iterator[tuple[Any, ...]]) -> list[str]:
        header = [_text_of(cell).strip() for cell in next(rows, ())]
        while header and not header[-1]:
            header.pop()
        return header

    @contextmanager
    def _sheet(self) -> Iterator[Iterator[tuple[Any, ...]]]:
        try:
            self._check_size()
            with self.path.open("rb") as file, warnings.catch_warnings():
                # the seller tool's workbooks lack styles that nobody needs here
                warnings.simplefilter("ignore", UserWarning)
                book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
                sheet = book.worksheets[0] if book.worksheets else None
                if sheet is None:
                    raise WrongFile(_("%(file)s has no sheet.") % {"file": self.name})
                sheet.reset_dimensions()  # many tools write that the sheet is one cell large
                yield sheet.iter_rows(values_only=True)
        except DAMAGED as error:
            raise WrongFile(
                _("%(file)s is cut off or damaged: it is no sound workbook.") % {"file": self.name}
            ) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise WrongFile(
                _("%(file)s cannot be read: %(reason)s.") % {"file": self.name, "reason": reason}
            ) from error

    def _check_size(self) -> None:
        with zipfile.ZipFile(self.path) as packed:
            parts = packed.infolist()
        texts = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
        if texts > LARGEST_TEXTS or sum(part.file_size for part in parts) > LARGEST_WORKBOOK:
            raise WrongFile(_("%(file)s is too large when it is unpacked.") % {"file": self.name})


def _text_of(cell: Any) -> str:
    """What a clerk reads in the cell. A number of more than 15 digits is told as 1.23E+18: Excel has rounded it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        # Excel counts days in binary fractions, which miss the second by a little
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return f"{cell:.2E}" if abs(cell) >= 1e15 else f"{cell:.15g}"
    return str(cell)

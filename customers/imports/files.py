"""Tables as shops hand them out, and the CSV among them: plain or gzip'd, with broken rows among good ones."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from django.utils.translation import gettext as _

# A piece of this length without a line end counts as a line, so that a file of another kind cannot fill the memory.
LONGEST_LINE = 1 << 20
BROKEN = "\0"


class WrongFile(Exception):
    """A file (or folder) that this format cannot be. The message is one sentence for the clerk."""


class Lines:
    """The physical lines of a file as text, counted. A row may span several, and may be given back.

    The first line tells the encoding: UTF-8 where it is that, else GB18030, whose Chinese is hardly ever sound UTF-8.
    (Its bytes after the first of a character are no commas, quotes or line ends.) A line that breaks the encoding comes
    with BROKEN in the places of the broken bytes.
    """

    def __init__(self, stream: BinaryIO, encoding: str = "") -> None:
        self._stream = stream
        self.encoding = encoding
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self.row_starts_at = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._decode(self._stream.readline(LONGEST_LINE))
        if not line:
            raise StopIteration
        self._row.append(line)
        return line

    def _decode(self, line: bytes) -> str:
        if not self.encoding:
            self.encoding = "UTF-8" if is_utf_8(line) else "GB18030"
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError:
            return line.decode(self.encoding, errors="replace").replace("\ufffd", BROKEN)

    def start_row(self) -> None:
        self.row_starts_at += len(self._row)
        self._row.clear()

    def row_is_broken(self) -> bool:
        return any(BROKEN in line for line in self._row)

    def give_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self._row[1:]))
        del self._row[1:]


def is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class Table(ABC):
    """A file with one row of column names and rows under it. Reading raises WrongFile where the file is unsound."""

    def __init__(self, path: Path, *, name: str = "") -> None:
        self.path = path
        # what the clerk calls it, where it was stored under another name
        self.name = name or path.name

    @abstractmethod
    def header(self) -> list[str]:
        """The names of the columns, without blanks around them; nothing where the file is empty."""

    @abstractmethod
    def rows(
        self, *, on_bad_row: Callable[[int, str], None], on_progress: Callable[[int, int], None]
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield the line where a row starts, and its fields, as many as the header has.

        A row that cannot be read goes to `on_bad_row` (line, reason), and reading goes on with the next. `on_progress`
        gets how much was read, and of how much.
        """


class CsvFile(Table):
    encoding = ""  # empty: the first line tells
    delimiter = ","

    def header(self) -> list[str]:
        with self._opened() as raw:
            return self._header(self._reader(raw)[1])

    def rows(
        self, *, on_bad_row: Callable[[int, str], None], on_progress: Callable[[int, int], None]
    ) -> Iterator[tuple[int, list[str]]]:
        """A row is bad that breaks the encoding, has a wrong number of columns or wrong quotes."""
        size = self.path.stat().st_size
        with self._opened() as raw:
            lines, reader = self._reader(raw)
            width = len(self._header(reader))
            for number, row in enumerate(self._rows(lines, reader, on_bad_row)):
                if len(row) == width:
                    yield lines.row_starts_at, row
                elif row:
                    on_bad_row(lines.row_starts_at, self._wrong_width(len(row), width))
                if number % 1000 == 0:
                    on_progress(raw.tell(), size)
            on_progress(size, size)

    @staticmethod
    def _rows(lines: Lines, reader: Iterator[list[str]], on_bad_row: Callable[[int, str], None]) -> Iterator[list[str]]:
        while True:
            lines.start_row()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                # A quote that is never closed would swallow good rows: only its own line is lost.
                lines.give_back_all_but_first()
                on_bad_row(lines.row_starts_at, _("The quotation marks of this row are wrong."))
                continue
            if lines.row_is_broken():
                reason = _("This row has characters that are not %(encoding)s.")
                on_bad_row(lines.row_starts_at, reason % {"encoding": lines.encoding})
            else:
                yield row

    @staticmethod
    def _wrong_width(found: int, expected: int) -> str:
        return _("This row has %(found)d columns in place of %(expected)d.") % {"found": found, "expected": expected}

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self.path.open("rb") as raw:
                yield raw
        except EOFError as error:
            raise WrongFile(_("%(file)s is cut off: the gzip file has no end.") % {"file": self.name}) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise WrongFile(_("%(file)s is no sound gzip file.") % {"file": self.name}) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise WrongFile(
                _("%(file)s cannot be read: %(reason)s.") % {"file": self.name, "reason": reason}
            ) from error

    def _reader(self, raw: BinaryIO) -> tuple[Lines, Iterator[list[str]]]:
        stream: BinaryIO = raw
        if self.path.suffix == ".gz":
            # gzip's own readline is Python code; the buffer's is not
            stream = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw), buffer_size=1 << 17))
        lines = Lines(stream, self.encoding)
        return lines, csv.reader(lines, strict=True, delimiter=self.delimiter)

    @staticmethod
    def _header(reader: Iterator[list[str]]) -> list[str]:
        try:
            return [name.removeprefix("\ufeff").strip() for name in next(reader, [])]
        except csv.Error:
            return []

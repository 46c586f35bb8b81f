"""CSV files as shops hand them out: plain or gzip'd, with broken rows among good ones."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator
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

    A line that is not UTF-8 comes with BROKEN in the places of the broken bytes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
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

    @staticmethod
    def _decode(line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            return line.decode(errors="replace").replace("\ufffd", BROKEN)

    def start_row(self) -> None:
        self.row_starts_at += len(self._row)
        self._row.clear()

    def row_is_broken(self) -> bool:
        return any(BROKEN in line for line in self._row)

    def give_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self._row[1:]))
        del self._row[1:]


class CsvFile:
    """A CSV file with one line of column names.

    `needed` are the columns that must be there; others are passed over. Reading raises WrongFile where the file cannot
    be read, or is no such file.
    """

    def __init__(self, path: Path, needed: Collection[str]) -> None:
        self.path = path
        self.needed = list(needed)

    def check_header(self) -> None:
        with self._opened() as raw:
            self._header(*self._reader(raw))

    def rows(
        self, *, on_bad_row: Callable[[int, str], None], on_progress: Callable[[int, int], None]
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield the line where a row starts and its needed fields in their order.

        A row that is not UTF-8, has a wrong number of columns or wrong quotes goes to `on_bad_row` (line, reason);
        reading goes on at the next line. `on_progress` gets the bytes read and the size of the file.
        """
        size = self.path.stat().st_size
        with self._opened() as raw:
            lines, reader = self._reader(raw)
            header = self._header(lines, reader)
            wanted = [header.index(name) for name in self.needed]
            for number, row in enumerate(self._rows(lines, reader, on_bad_row)):
                if len(row) == len(header):
                    yield lines.row_starts_at, [row[position] for position in wanted]
                elif row:
                    on_bad_row(lines.row_starts_at, self._wrong_width(len(row), len(header)))
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
                on_bad_row(lines.row_starts_at, _("This row has characters that are not UTF-8."))
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
            raise WrongFile(_("%(file)s is cut off: the gzip file has no end.") % {"file": self.path.name}) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise WrongFile(_("%(file)s is no sound gzip file.") % {"file": self.path.name}) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise WrongFile(
                _("%(file)s cannot be read: %(reason)s.") % {"file": self.path.name, "reason": reason}
            ) from error

    def _reader(self, raw: BinaryIO) -> tuple[Lines, Iterator[list[str]]]:
        stream: BinaryIO = raw
        if self.path.suffix == ".gz":
            # gzip's own readline is Python code; the buffer's is not
            stream = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw), buffer_size=1 << 17))
        lines = Lines(stream)
        return lines, csv.reader(lines, strict=True)

    def _header(self, lines: Lines, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = [name.removeprefix("\ufeff").strip() for name in next(reader, [])]
        except csv.Error:
            header = []
        if missing := [name for name in self.needed if name not in header]:
            raise WrongFile(
                _("%(file)s is no such file: these columns are missing: %(columns)s.")
                % {"file": self.path.name, "columns": ", ".join(missing)}
            )
        return header

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Any


class Rejects:
    """The rows that an import could not take over, as a CSV file that a clerk opens in a spreadsheet.

    It tells where a row stands and why it was rejected and repeats nothing of the row. Without a rejected row there is
    no file.
    """

    COLUMNS = ("file", "line", "column", "reason")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, file: str, line: int, column: str, reason: str) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # with a byte order mark, without which Excel garbles Chinese reasons
            self._file = self.path.open("w", encoding="utf-8-sig", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(self.COLUMNS)
        self._writer.writerow((file, line, column, reason))
        self.count += 1

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

"""CSV of any origin: which encoding and which separator it has, its content tells."""

from __future__ import annotations

import re
from functools import cached_property

from .files import CsvFile, Lines, is_utf_8

SAMPLE = 1 << 20
SEPARATORS = ",;\t|"
QUOTED = re.compile(r'"[^"]*"')


class PlainCsvFile(CsvFile):
    """UTF-8 (with or without byte order mark) or GB18030; separated by commas, semicolons, tabs or bars."""

    @cached_property
    def encoding(self) -> str:  # type: ignore[override]
        with self._opened() as raw:
            return told_encoding(raw.read(SAMPLE))

    @cached_property
    def delimiter(self) -> str:  # type: ignore[override]
        """What stands most often between the names of the columns; of several, the first of SEPARATORS."""
        with self._opened() as raw:
            first = QUOTED.sub("", next(Lines(raw, self.encoding), ""))
        return max(SEPARATORS, key=first.count)


def told_encoding(sample: bytes) -> str:
    """UTF-8 unless most lines with other than ASCII break it: Chinese in GB18030 is hardly ever sound UTF-8.

    The first line alone does not tell: its names may be English, and one broken line makes no other encoding.
    """
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    broken = sum(1 for line in lines if not is_utf_8(line))
    return "GB18030" if broken * 2 > len(lines) else "UTF-8"

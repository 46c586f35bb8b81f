"""The ids of rows, as an address or a form tells them."""

from __future__ import annotations

# More digits are more than a database's integer holds, and PostgreSQL, SQLite and Python refuse them each in their way.
LONGEST = 18


def row_id(text: object) -> int | None:
    """The id that is written there; None where it is none, or none that a database can hold."""
    written = str(text)
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= LONGEST else None

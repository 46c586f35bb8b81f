"""What a format of imported files promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .forecasts import Forecast
    from .loading import Loading
    from .rejects import Rejects
    from .staging import Progress


@dataclass(frozen=True)
class ImportedFile:
    """What is to be read: where it lies, what the clerk calls it, and what he said of its columns.

    `kind` and `mapping` ({our field: their column}) are for formats that know several kinds and any column; empty, the
    header tells.
    """

    path: Path
    name: str = ""
    kind: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)


class Format(ABC):
    """One reading of one export: first `read`, which writes nothing, then `write`; `close` at the end in any case."""

    source_code: ClassVar[str]
    source_name: ClassVar[str]
    # What the clerk should know of an import that went well: sentences for its message.
    notes: list[str]

    @abstractmethod
    def __init__(self, file: ImportedFile, *, rejects: Rejects, progress: Progress) -> None: ...

    @abstractmethod
    def read(self) -> None:
        """Read and check the files, send bad rows to the rejects; raise WrongFile where it is another kind of file."""

    @abstractmethod
    def write(self, loading: Loading) -> None:
        """Hand what was read to `loading`, in batches, what is referred to before what refers to it."""

    @abstractmethod
    def close(self) -> None: ...


class PreviewedFormat(Format):
    """A format that can tell what it would change before it does."""

    @abstractmethod
    def foretell(self, forecast: Forecast) -> None:
        """Hand what was read to `forecast`, in batches; writes nothing."""

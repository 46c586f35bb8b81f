"""The client that docs/blocklist-copy.md shows: what is tested is what is documented."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "blocklist-copy.md"


def documented_client():
    """The class `BlocklistCopy`."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, PAGE, "exec"), names)
    return names["BlocklistCopy"]

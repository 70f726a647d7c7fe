"""What ``tabdump`` prints: a header line that starts with ``#``, then CSV."""

from __future__ import annotations

import csv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def rows(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return one dictionary per row; a disabled row (column ``disable``) is left out."""
    text = [part for line in lines for part in line.splitlines()]
    if not text or not text[0].startswith("#"):
        return []
    header = text[0][1:].split(",")
    found = [dict(zip(header, fields)) for fields in csv.reader(text[1:]) if fields]
    return [row for row in found if row.get("disable", "").lower() not in ("1", "yes")]

"""The patterns of file sets: rsync's, but only those whose meaning fits into a sentence.

A pattern without a slash matches a name at any depth; one that begins with a slash a path from the
root of the set on.  ``*`` and ``?`` do not match a slash, ``**`` does.  What is below an excluded
directory is excluded as well.  (rsync(1), "INCLUDE/EXCLUDE PATTERN RULES".)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_SPECIAL = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    parts = re.split(r"(\*\*|\*|\?)", pattern.strip("/"))
    text = "".join(_SPECIAL.get(part, re.escape(part)) for part in parts)
    start = "" if pattern.startswith("/") else "(?:.*/)?"
    # rsync matches bytes; so does this, whatever encoding a name is in.
    return re.compile(f"{start}{text}(?:/.*)?".encode(), re.DOTALL)


def excluded(patterns: Sequence[str], relative: bytes) -> bool:
    """Tell whether ``relative`` (from the root on), or a directory that it is in, is excluded."""
    return any(_compiled(pattern).fullmatch(relative) for pattern in patterns)


def named(only: Sequence[str], relative: bytes) -> bool:
    """Tell whether ``relative`` is one of the names of a root, or below one; "." is no name."""
    return not only or any(_compiled("/" + name).fullmatch(relative) for name in only)


def problem(pattern: str) -> str | None:
    """Return why ``pattern`` cannot be used, or None."""
    if not pattern.strip("/"):
        return "it names everything"
    if any(character in pattern for character in "[]\\\n\0"):
        return "only *, ? and ** are special in it, and no backslash, bracket or newline fits"
    if "/" in pattern.strip("/") and not pattern.startswith("/"):
        return "a pattern with a slash in it begins with a slash (from the root of the set on)"
    if ".." in pattern.split("/"):
        return "it goes upwards"
    return None

"""Owners by name where the numbers differ: conserver is 110 on one node and 115 on the other.

rsync would map names itself, but not in a changed root, where there is no /etc/passwd.  So each
side's table is compared beforehand, and rsync maps numbers (``--usermap``, since 3.1.0).
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping

Table = Mapping[str, int]


def users() -> dict[str, int]:
    """Return this node's users and their numbers."""
    return {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}


def groups() -> dict[str, int]:
    """Return this node's groups and their numbers."""
    return {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}


def mapping(mine: Table, theirs: Table) -> str:
    """Return the map from my numbers to theirs, as rsync's option takes it; "" when they agree.

    A number of mine that has no name there, or a number without a name here, must not become
    someone else's: it becomes root's when it is taken there.
    """
    names: dict[int, str] = {}
    for name, own in sorted(mine.items(), reverse=True):
        names[own] = name
    taken = set(theirs.values())
    pairs = []
    for number in sorted(set(names) | taken):
        target = theirs.get(names[number]) if number in names else None
        if target is None:
            target = 0 if number in taken else number
        if target != number:
            pairs.append(f"{number}:{target}")
    return ",".join(pairs)

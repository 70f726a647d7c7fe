"""How old this node's files are, and in which epoch: for a monitor, so cheap to import.

The same files as ``marks`` and ``epoch`` read, without what makes those dear (dataclasses, re).
Nothing is decided by it but what is shown.
"""

from __future__ import annotations

import os

from xcat_hamn.system.files import read_pairs

#: As ``Places.state`` has them; a test holds the two together.
_SETS = "/var/lib/xcat-hamn/files/sets"
_EPOCH = "/var/lib/xcat-hamn/files/epoch"


def marks(under: str = "") -> dict[str, tuple[str, float]]:
    """Return for each set whose files this node has, and up to when by that node's clock."""
    found = {}
    try:
        names = os.listdir(under + _SETS)
    except FileNotFoundError:
        names = []
    for name in names:
        told = read_pairs(f"{under}{_SETS}/{name}") or {}
        try:
            found[name] = (told["node"], float(told["until"]))
        except (KeyError, ValueError):
            continue  # of one that is just being written, or damaged: nothing is known
    return found


def epoch(under: str = "") -> tuple[int, str]:
    """Return the newest epoch that this node has seen and whose it is; (0, "") for none."""
    told = read_pairs(under + _EPOCH) or {}
    number = told.get("epoch", "")
    return (int(number), told.get("node", "")) if number.isdecimal() else (0, "")

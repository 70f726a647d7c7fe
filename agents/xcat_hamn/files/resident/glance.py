"""What a monitor looks at: does the process live, and how old is each set.

Cheap to import and to run (a lock and a small file; no JSON, no socket), for it runs every ten
seconds.
"""

from __future__ import annotations

import fcntl
import os
import time

from xcat_hamn.system.files import read_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.files.resident.places import Whereabouts

#: The process renews its files so often, in seconds; four times as old, it hangs.
RENEWED = 30.0
_HANGS = 4 * RENEWED
_CLOCK, _CONTACT = " boot", " contact"


class Entry:
    """A set: its ``word`` and ``sentence`` (``report``), ``problem`` a word of ``files.ports``.

    ``age``: seconds by which the other node is behind, 0.0 when it is fresh, None when nobody
    knows; ``max_age``: the most that it may be.
    """

    __slots__ = ("age", "max_age", "name", "problem", "sentence", "word")

    def __init__(
        self, name: str, word: str, age: float | None, max_age: float, problem: str, sentence: str
    ) -> None:
        self.name = name
        self.word = word
        self.age = age
        self.max_age = max_age
        self.problem = problem
        self.sentence = sentence

    @property
    def stale(self) -> bool:
        """Tell whether it is behind for longer than it may be."""
        return self.age is not None and self.age > self.max_age


class Glance:
    """``pid``: of the living process, 0 for none; ``hangs``: it lives and does nothing.

    ``contact``: a sentence when the other node is away or its clock makes no sense.
    """

    __slots__ = ("contact", "entries", "hangs", "pid")

    def __init__(self, pid: int, hangs: bool, contact: str, entries: Sequence[Entry]) -> None:
        self.pid = pid
        self.hangs = hangs
        self.contact = contact
        self.entries = tuple(entries)


def alive(where: Whereabouts) -> int:
    """Return the id of the living process, 0 when there is none: the kernel's lock says so."""
    try:
        descriptor = os.open(where.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return 0


def pairs(entries: Sequence[Mapping[str, object]], contact: str, now: float) -> dict[str, str]:
    """Return what ``look`` reads, of the entries of ``report.whole``; ``now``: monotonic."""
    found = {_CLOCK: f"{now:.1f}", _CONTACT: contact}
    for entry in entries:
        keys = ("word", "behind", "max_age", "problem", "sentence")
        words = ("" if entry[key] is None else str(entry[key]) for key in keys)
        found[str(entry["name"])] = "|".join(words)
    return found


def look(where: Whereabouts) -> Glance:
    """Look at the process and its sets."""
    pid = alive(where)
    told = (read_pairs(where.brief) if pid else None) or {}
    contact = told.pop(_CONTACT, "")
    renewed = float(told.pop(_CLOCK, "-1"))
    hangs = bool(pid) and renewed >= 0 and time.monotonic() - renewed > _HANGS
    entries = []
    for name, text in sorted(told.items()):
        word, behind, most, problem, sentence = text.split("|", 4)
        age: float | None = 0.0
        if behind:
            since = float(behind)
            age = None if since < 0 else max(0.0, time.time() - since)
        entries.append(Entry(name, word, age, float(most), problem, sentence))
    return Glance(pid, hangs, contact, entries)

"""How fresh the file sets of this node are, by what lies on it: nobody else is asked.

The source knows it from its resident process, the replica from the mark that each copy leaves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from xcat_hamn.errors import NodeError
from xcat_hamn.files import epoch
from xcat_hamn.files.marks import Mark, read_mark
from xcat_hamn.files.places import Places
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.resident import glance
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.sets import FileSet

SOURCE, REPLICA, FORMER, NOTHING = "source", "replica", "former-source", "nothing"
UNREADABLE = "unreadable"
#: Seconds by which a replica may lag behind when all is well: marks are renewed so often.
USUAL = 120.0
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class SetState:
    """A set: seconds by which the replica is behind, None when nobody knows; why, if anything.

    ``word``: that of the resident process on the source, else ``stale``, ``fresh`` or ``unknown``.
    """

    name: str
    word: str
    age: float | None
    sentence: str = ""

    @property
    def shown(self) -> str:
        """Return it for a line of text."""
        text = _in_words(self.word, self.age)
        return f"{text}: {self.sentence}" if self.sentence else text

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        age = None if self.age is None else round(self.age, 1)
        return {"name": self.name, "word": self.word, "age": age, "sentence": self.sentence}


@dataclass(frozen=True)
class Freshness:
    """The sets of a node that is the ``role`` of the copy, in the newest ``epoch`` that it knows.

    ``source``: whose files they are.  ``contact``: why the other node does not get anything.
    """

    node: str
    role: str = NOTHING
    epoch: int = 0
    source: str = ""
    contact: str = ""
    sets: tuple[SetState, ...] = ()

    @property
    def sentence(self) -> str:
        """Return what this node is in the copy."""
        if self.role == SOURCE:
            return f"Files, copied from {self.node} to the other node:"
        if self.role == REPLICA:
            return f"Files, received on {self.node} from {self.source}:"
        if self.role == FORMER:
            return f"Files of {self.node}, which it copies no more:"
        return "Files:"

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "node": self.node,
            "role": self.role,
            "epoch": self.epoch,
            "source": self.source,
            "contact": self.contact,
            "sets": [one.as_json() for one in self.sets],
        }


def look(node: str, places: Places, where: Whereabouts) -> Freshness:
    """Look at the sets of this node; it is NOTHING where files were never copied.

    Raises PermissionError for others than root.
    """
    try:
        seen = epoch.read(places.epoch)
    except NodeError as problem:
        return Freshness(node, UNREADABLE, contact=str(problem))
    process = glance.look(where)
    if process.pid:
        entries = (SetState(e.name, e.word, e.age, e.sentence) for e in process.entries)
        contact = process.contact
        if process.hangs:
            contact = f"the process that copies the files hangs: look at {where.log}"
        return Freshness(node, SOURCE, seen.number, node, contact, tuple(entries))
    if not seen.node:
        return Freshness(node)
    now, sets = time.time(), admitted(load(places.definitions)).sets
    role = FORMER if seen.node == node else REPLICA
    states = tuple(_received(one, read_mark(places, one.name), node, now) for one in sets)
    return Freshness(node, role, seen.number, seen.node, "", states)


def _received(one: FileSet, mark: Mark, node: str, now: float) -> SetState:
    """Return how old a set is on a node that sends nothing."""
    if not mark.node:
        return SetState(one.name, "unknown", None, "never received whole")
    age = max(0.0, now - mark.until)
    why = "its own, from when it was the source" if mark.node == node else ""
    return SetState(one.name, "stale" if age > one.max_age else "fresh", age, why)


def _in_words(word: str, age: float | None) -> str:
    if age is None:
        return word
    if word == "fresh" and age <= USUAL:
        return "fresh"
    return f"{word}, {spoken(age)} old"


def spoken(seconds: float) -> str:
    """Return a time in words: 5 s, 3 min, 2 h, 4 d."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"

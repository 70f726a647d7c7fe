"""What a node has that was never delivered, what of it was kept aside, how old its files are."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from typing import Any

from xcat_hamn.files.marks import Mark, read_mark
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver.aside import required
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.sets import FileSet
from xcat_hamn.files.undelivered import account, kept
from xcat_hamn.overview.files import SOURCE, Freshness, look


@dataclass(frozen=True)
class Kept:
    """A directory with files that this node alone had, before they were replaced."""

    directory: str
    files: int


@dataclass(frozen=True)
class Lost:
    """A set: ``names`` (at most 1000 of ``count``) were changed here and never delivered.

    ``source`` and ``until``: whose files it has, complete up to this time of that node's clock.
    """

    name: str
    source: str
    until: float
    names: tuple[bytes, ...] = ()
    count: int = 0
    kept: tuple[Kept, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "name": self.name,
            "source": self.source,
            "until": self.until or None,
            "undelivered": [printable(name) for name in self.names],
            "undelivered_count": self.count,
            "kept": [{"directory": one.directory, "files": one.files} for one in self.kept],
        }


@dataclass(frozen=True)
class Account:
    """The account of a node."""

    freshness: Freshness
    sets: tuple[Lost, ...]

    @property
    def undelivered(self) -> int:
        """Return how many files were changed here and never delivered."""
        return sum(one.count for one in self.sets)

    def as_json(self) -> dict[str, Any]:
        """Return it for a program: what is told of a set's age and of its files, by set."""
        told = self.freshness.as_json()
        ages = {one["name"]: one for one in told["sets"]}
        none = {"word": "unknown", "age": None, "sentence": ""}
        sets = [{**none, **ages.get(one.name, {}), **one.as_json()} for one in self.sets]
        return {**told, "sets": sets}


def printable(name: bytes) -> str:
    """Return a file's name as text that moves no cursor; no two names give the same."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def take(node: str, places: Places, where: Whereabouts) -> Account:
    """Take the account of this node; it walks the sets of which something may be undelivered.

    Raises PermissionError for others than root.
    """
    freshness, due = look(node, places, where), required(places)
    sets = admitted(load(places.definitions)).sets
    copies = freshness.role == SOURCE
    return Account(freshness, tuple(_of(places, one, node, due, copies) for one in sets))


def _of(places: Places, one: FileSet, node: str, due: list[str], copies: bool) -> Lost:
    mark = read_mark(places, one.name)
    aside = tuple(_kept(directory) for directory in kept(places, one.name))
    if copies or not _may_have(mark, one.name, node, due):
        # What a living source has not delivered yet is its process's to say.
        return Lost(one.name, mark.node, mark.until, kept=aside)
    found = account(places, one, node, due)
    return Lost(one.name, found.source, found.until, found.lost, found.lost_count, aside)


def _may_have(mark: Mark, name: str, node: str, due: list[str]) -> bool:
    return name in due or mark.node == node


def _kept(directory: str) -> Kept:
    count = 0
    for path in glob.glob(f"{glob.escape(directory)}/*.names"):
        with open(path, "rb") as stream:
            text = stream.read()
        count += text.count(b"\0") + bool(text)
    return Kept(os.path.normpath(directory), count)

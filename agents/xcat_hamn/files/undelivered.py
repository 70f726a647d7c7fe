"""What a source changed and did not deliver, by its marks and the ctime of its inodes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xcat_hamn.files.marks import Mark, read_mark
from xcat_hamn.files.places import Places
from xcat_hamn.files.sets import FileSet, Root

#: Seconds that the clock's granularity, and a mark made in the same instant, may be wrong by.
_SLACK = 1.0
#: How many names an account holds at most.
NAMES = 1000


@dataclass(frozen=True)
class Undelivered:
    """Files of a root that changed after ``since`` (this node's clock): names and total size."""

    root: Root
    names: tuple[bytes, ...]
    size: int


def since(mark: Mark, here: str) -> float:
    """Return from when on changes of this node's files were not delivered (its clock; 0: never).

    The mark is this node's own as the source; or it is that of the source it followed before, and
    nothing was delivered since it took over.
    """
    if not mark.node:
        return 0.0
    return (mark.until if mark.node == here else mark.at) - _SLACK


def undelivered(fileset: FileSet, after: float) -> list[Undelivered]:
    """Return the files of the set that changed after ``after``, by root."""
    found = []
    for root in fileset.roots:
        if not root.present():
            continue
        names, size = [], 0
        top = os.fsencode(root.directory)
        for path, status in _changed(top, after):
            if fileset.root_of(path) is not None:
                names.append(path[len(top) + 1 :])
                size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        if names:
            found.append(Undelivered(root, tuple(names), size))
    return found


def _changed(top: bytes, after: float) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield what is no directory below ``top`` and changed after ``after``; no link is followed."""
    waiting = [top]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if status.st_ctime > after:
                yield entry.path, status


@dataclass(frozen=True)
class Account:
    """What is known of a set on this node.

    ``until``: it is complete up to this time of ``source``'s clock, 0.0 when that was never proven.
    ``lost``: files that this node changed as the source and never delivered (at most ``NAMES`` of
    ``lost_count``); always empty on a node that follows another one whole.  ``kept``: directories
    in which such files were kept before they were replaced.
    """

    name: str
    source: str
    until: float
    lost: tuple[bytes, ...] = ()
    lost_count: int = 0
    kept: tuple[str, ...] = ()


def account(places: Places, fileset: FileSet, here: str, due: Sequence[str]) -> Account:
    """Return the account of ``fileset`` on node ``here``; it walks the set where files are due.

    ``due``: the sets whose files are still to be kept aside on this node, because it was the source
    and another node is now (``receiver.aside.required``).  A source that is alone has them as well:
    its own ``lost`` is what the replica lacks.
    """
    mark = read_mark(places, fileset.name)
    found = []
    if fileset.name in due or mark.node == here:
        found = undelivered(fileset, since(mark, here))
    names = [os.fsencode(one.root.directory) + b"/" + name for one in found for name in one.names]
    return Account(
        fileset.name, mark.node, mark.until, tuple(names[:NAMES]), len(names),
        tuple(kept(places, fileset.name)),
    )  # fmt: skip


def kept(places: Places, name: str) -> list[str]:
    """Return the directories in which files of the set were kept, the oldest first."""
    try:
        found = sorted(os.listdir(places.aside))
    except FileNotFoundError:
        return []
    return [f"{places.aside}/{one}" for one in found if one.rpartition(".")[0] == name]

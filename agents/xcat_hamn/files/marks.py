"""Up to when a set is complete: the memory of what was delivered, on both sides.

The source writes down, by its own clock, the time before which every change has been delivered;
the receiver the same, with whose files they are.  After a failure the former source still has its
own: a file whose inode changed (ctime, which no program can set back) after that time was never
delivered.  One number a set, instead of a list of a million files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xcat_hamn.files.places import Places
from xcat_hamn.files.sets import Root
from xcat_hamn.system.files import read_text, write_text
from xcat_hamn.system.runner import Runner

#: Seconds for what is in memory to reach the disk.
_TO_DISK = 120.0


@dataclass(frozen=True)
class Mark:
    """``until``: complete up to this time of ``node``'s clock, 0.0 for never; in ``epoch``.

    ``at``: when it was written, by this node's clock.  ``filled``: labels of the roots that were
    not empty; ``mounted``: of those that were a file system of their own.
    """

    until: float = 0.0
    epoch: int = 0
    node: str = ""
    at: float = 0.0
    filled: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()


def read_mark(places: Places, name: str) -> Mark:
    """Return the mark of the set ``name``; an unreadable one counts as none (nothing is proven)."""
    fields = dict(
        line.split("=", 1)
        for line in (read_text(places.marks(name)) or "").split("\n")
        if "=" in line
    )
    try:
        return Mark(
            float(fields["until"]),
            int(fields["epoch"]),
            fields["node"],
            float(fields["at"]),
            tuple(fields["filled"].split()),
            tuple(fields["mounted"].split()),
        )
    except (KeyError, ValueError):
        return Mark()


def write_mark(places: Places, name: str, mark: Mark) -> None:
    """Store the mark of the set ``name`` durably."""
    text = (
        f"until={mark.until:.3f}\nepoch={mark.epoch}\nnode={mark.node}\nat={mark.at:.3f}\n"
        f"filled={' '.join(mark.filled)}\nmounted={' '.join(mark.mounted)}\n"
    )
    write_text(places.marks(name), text, durable=True)


def advance(
    places: Places,
    name: str,
    epoch: int,
    node: str,
    until: float,
    roots: Sequence[Root] = (),
) -> Mark:
    """Write down that the set is complete up to ``until``; it never goes back within an epoch."""
    old = read_mark(places, name)
    same = (old.epoch, old.node) == (epoch, node)
    new = replace(
        old,
        until=max(until, old.until) if same else until,
        epoch=epoch,
        node=node,
        at=time.time(),
    )
    if roots:
        new = replace(
            new,
            filled=tuple(root.label for root in roots if filled(root)),
            mounted=tuple(root.label for root in roots if mounted(root)),
        )
    write_mark(places, name, new)
    return new


def to_disk(directories: Sequence[str]) -> None:
    """Bring the file systems of ``directories`` to their disks, each once.

    rsync's own ``--fsync`` is of 3.2.4, and waits for each file.  Raises CommandFailed.
    """
    devices = {os.stat(directory).st_dev: directory for directory in directories}
    for directory in devices.values():
        said = Runner().run(["sync", "-f", directory], timeout=_TO_DISK)
        said.require(f"what was copied cannot be brought to the disk of {directory}")


def filled(root: Root) -> bool:
    """Tell whether anything is in the root's directory."""
    try:
        with os.scandir(root.directory) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


def mounted(root: Root) -> bool:
    """Tell whether the root's directory is a file system of its own."""
    return bool(root.directory) and os.path.ismount(root.directory)


def loss(mark: Mark, roots: Sequence[Root]) -> str | None:
    """Return why what is in ``roots`` cannot be what it was at ``mark``, or None.

    An empty directory where there were files, or one whose file system is not mounted, would have
    everything deleted on the other node, or fill the wrong disk.
    """
    for root in roots:
        if root.label in mark.mounted and not mounted(root):
            return (
                f"{root.directory or root.label} was a file system of its own at the last copy and "
                "is not mounted now: mount it"
            )
        if root.label in mark.filled and not filled(root):
            return (
                f"{root.directory or root.label} had files at the last copy and is empty or gone "
                "now: bring them back, or put a single file there when it is really meant"
            )
    return None

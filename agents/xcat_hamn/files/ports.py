"""What the resident process needs of a copy, and what it is told about one.

The names of files are bytes everywhere: a name need not be UTF-8.  Times are seconds since 1970 by
the source's own clock, ages are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.files.sets import FileSet

#: The words of ``Result.kind``.  The ones after OK name what has to be done about it.
OK = "ok"
#: Names went away, or changed, while they were copied: the rest is there; compare these again.
VANISHED = "vanished"
#: This node's own side: a root is missing, not mounted, emptied or cannot be read.
SOURCE = "source"
#: The other node does not answer, or the connection was lost in the middle.
UNREACHABLE = "unreachable"
#: The other node does not accept the key of this one.
REFUSED_KEY = "refused-key"
#: The other node's host key is not the one that is known.
HOST_KEY = "host-key"
#: No room, or no quota, on the other node.
FULL = "full"
#: The other node's file system is read-only.
READ_ONLY = "read-only"
#: Another node is the source by now: this one must stop copying.
OLDER_EPOCH = "older-epoch"
#: The receiver refuses the set, the path or the sender; the sentence is its own.
REFUSED = "refused"
#: What the other node has, or its clock, makes no sense; see the sentence.
CLOCK = "clock"
#: It had not ended at its deadline, or was told to stop, and was killed.
TIMEOUT = "timeout"
CANCELLED = "cancelled"
#: rsync or ssh is missing or too old here.
TOOL = "tool"
#: Anything else; the sentence has the last line of what was said.
FAILED = "failed"

KINDS = (
    OK, VANISHED, SOURCE, UNREACHABLE, REFUSED_KEY, HOST_KEY, FULL, READ_ONLY, OLDER_EPOCH,
    REFUSED, CLOCK, TIMEOUT, CANCELLED, TOOL, FAILED,
)  # fmt: skip
#: Trying again later, with growing pauses, may help without anybody's hand.
PASSING = frozenset((VANISHED, UNREACHABLE, FULL, TIMEOUT, CANCELLED, FAILED))


@dataclass(frozen=True)
class Result:
    """What became of one copy or comparison.

    ``ok``: everything asked for is on the other node (of a comparison: it was compared whole).
    ``sentence``: for the administrator; also said when all is well ("3 files were copied").
    ``delivered``: how many entries were created, changed or deleted there.
    ``differing``: absolute names here of the entries that differed (at most ``NAMES``; a
    comparison writes nothing, so there they still differ), ``differing_count`` of how many.
    ``doubt``: what was asked for is there, yet more may differ (a file with several hard links was
    changed by one of its names): the set is fresh only after the next ``full``.
    """

    ok: bool
    kind: str
    sentence: str
    delivered: int = 0
    differing: tuple[bytes, ...] = ()
    differing_count: int = 0
    doubt: bool = False
    seconds: float = 0.0


#: How many names a Result holds at most.
NAMES = 1000


@dataclass(frozen=True)
class Peer:
    """What the receiving node said of itself; ``problem`` is None when it can receive.

    ``epoch`` and ``source``: the newest epoch it has seen and whose it was.  ``clock``: seconds
    by which its clock is ahead of ours.
    """

    node: str = ""
    epoch: int = 0
    source: str = ""
    clock: float = 0.0
    problem: Result | None = None


class Transfer(Protocol):
    """Brings sets to the other node.  No method raises; a call never outlives ``timeout`` seconds.

    ``until``: everything that was changed here before this time is included, so that the receiver
    may note down (durably) up to when it has everything.  Pass the time at which the events were
    drained, and only when the set is proven by this copy: always with ``full``, with ``some`` when
    the set was fresh but for these names.  Another thread ends a running call by ``cancel``.
    """

    def hello(self, *, timeout: float = 20.0) -> Peer:
        """Ask the other node who it is and what it holds; nothing is copied."""
        ...

    def full(
        self,
        fileset: FileSet,
        *,
        checksum: bool = False,
        until: float | None = None,
        timeout: float = 86400.0,
    ) -> Result:
        """Make the whole set equal by size and time of each file, or by ``checksum``."""
        ...

    def some(
        self,
        fileset: FileSet,
        paths: Sequence[bytes],
        trees: Sequence[bytes] = (),
        *,
        until: float | None = None,
        timeout: float = 3600.0,
    ) -> Result:
        """Make ``paths`` equal, each alone, and ``trees`` with everything below.

        Absolute names, as the watch saw them.  A name that does not exist here any more is
        deleted there (where the set says so); one outside the set, or excluded, is passed over.
        """
        ...

    def sample(self, fileset: FileSet, part: int, parts: int, *, timeout: float = 3600.0) -> Result:
        """Compare the content of every ``parts``-th file, the ``part``-th choice, and repair it."""
        ...

    def compare(
        self, fileset: FileSet, *, checksum: bool = False, timeout: float = 3600.0
    ) -> Result:
        """Tell what differs and write nothing; ok with no differing names proves equality."""
        ...

    def mark(self, until: Mapping[str, float], *, timeout: float = 150.0) -> Result:
        """Tell the other node up to when it has each set, though nothing was to be copied."""
        ...

    def cancel(self) -> None:
        """End the running call, if any; later ones are carried out.  From any thread."""
        ...

    def close(self) -> None:
        """Give up the connection that the calls share."""
        ...

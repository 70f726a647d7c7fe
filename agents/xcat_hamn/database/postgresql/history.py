"""Where this server's log stands against the primary's: pure functions of timelines and positions.

Every promotion opens a timeline, and a timeline's history file says which timelines it came from
and where it left each of them.  So the history of the primary's timeline tells whether the log of
a returning server is a beginning of the primary's, and if not, where the two parted.

The format is that of ``pg_wal/0000000N.history`` of PostgreSQL 13 to 17 (src/backend/access/
transam/timeline.c, readTimeLineHistory): a line for each ancestor, oldest first, with its number
in decimal, the position at which the next one forked off in hexadecimal, and a reason, separated
by white space; lines that begin with ``#`` are comments.  Timeline 1 has no such file.
"""

from __future__ import annotations

from xcat_hamn.database.postgresql.installation import format_lsn, parse_lsn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    #: Ancestors of a timeline, oldest first: (its number, where the next one forked off).
    Ancestors = Sequence[tuple[int, int]]

SAME = "same"  # the very same log
PREFIX = "prefix"  # a beginning of the primary's: it can follow
AHEAD = "ahead"  # the primary's is a beginning of this one
DIVERGED = "diverged"  # they have parted; what came after exists only here
UNKNOWN = "unknown"

#: What each relation means, for a person.
SENTENCES = {
    SAME: "this node's log ends at {end} on timeline {timeline}, where {peer}'s is",
    PREFIX: "this node's log ends at {end} on timeline {timeline}, and {peer}'s goes on from there",
    AHEAD: "this node's log ends at {end} on timeline {timeline}, and {peer}'s is a beginning of "
    "it only: let this node have the role, then {peer} follows it",
    DIVERGED: "this node's log ends at {end} on timeline {timeline}, but {peer}'s forked off at "
    "{fork}",
    UNKNOWN: "how this node's log, which ends at {end} on timeline {timeline}, relates to "
    "{peer}'s is not known",
}


class Log:
    """A server's log: its timeline, its end as a number, and the timelines that it came from.

    ``ancestors`` is None when they are not known (there is no history file).
    """

    __slots__ = ("ancestors", "end", "timeline")

    def __init__(self, timeline: int, end: int, ancestors: Ancestors | None) -> None:
        self.timeline = timeline
        self.end = end
        self.ancestors = ancestors

    def branches(self) -> list[tuple[int, int]] | None:
        """Return (timeline, where it ends) from the oldest to the present one."""
        if self.ancestors is None and self.timeline != 1:
            return None
        return [*(self.ancestors or ()), (self.timeline, self.end)]


class Comparison:
    """How one log relates to another; ``fork`` is the position where they part (DIVERGED only)."""

    __slots__ = ("fork", "mine", "relation")

    def __init__(self, relation: str, mine: Log, fork: int = 0) -> None:
        self.relation = relation
        self.mine = mine
        self.fork = fork

    @property
    def can_follow(self) -> bool:
        """Tell whether a server with this log can follow the primary."""
        return self.relation in (SAME, PREFIX)

    def sentence(self, peer: str) -> str:
        """Return what this means, ``peer`` being the primary's node."""
        return SENTENCES[self.relation].format(
            peer=peer,
            timeline=self.mine.timeline,
            end=format_lsn(self.mine.end),
            fork=format_lsn(self.fork),
        )


def parse_history(text: str, timeline: int) -> list[tuple[int, int]]:
    """Return the ancestors that the history file of ``timeline`` names, oldest first.

    Raises ValueError when PostgreSQL would not take the file either.
    """
    found: list[tuple[int, int]] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or not words[0].isdecimal():
            raise ValueError(f'"{line.strip()}" names no timeline and position')
        found.append((int(words[0]), parse_lsn(words[1])))
    numbers = [number for number, _ in found] + [timeline]
    if any(later <= earlier for earlier, later in zip(numbers, numbers[1:])):
        raise ValueError(f"the timelines {numbers} are not in ascending order")
    return found


def compare(mine: Log, theirs: Log) -> Comparison:
    """Return how log ``mine`` relates to the primary's, ``theirs``.

    ``mine`` must have been read first, or a server that follows would seem to be ahead.
    """
    other = theirs.branches()
    if other is None:
        return Comparison(UNKNOWN, mine)
    own = mine.branches() or _assumed(mine, other)
    common = _in_common(own, other) if own else 0
    if own is None or not common:
        return Comparison(UNKNOWN, mine)
    if common == len(own):
        return _of_descendant(mine, other[common - 1][1], last=common == len(other))
    if common == len(other) and theirs.end <= own[common - 1][1]:
        return Comparison(AHEAD, mine)
    return Comparison(DIVERGED, mine, min(own[common - 1][1], other[common - 1][1]))


def _assumed(mine: Log, other: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Return my branches when only my timeline is known: those of the other log up to it."""
    for place, (timeline, _) in enumerate(other):
        if timeline == mine.timeline:
            return [*other[:place], (timeline, mine.end)]
    return None


def _in_common(own: list[tuple[int, int]], other: list[tuple[int, int]]) -> int:
    """Return how many branches are the same ones: the same number, begun at the same position.

    As pg_rewind's findCommonAncestorTimeline: two nodes may give the same number to different
    timelines, but not from the same position of the same parent.
    """
    count, begun = 0, (0, 0)
    for (timeline, end), (their_timeline, their_end) in zip(own, other):
        if timeline != their_timeline or begun[0] != begun[1]:
            break
        count, begun = count + 1, (end, their_end)
    return count


def _of_descendant(mine: Log, end: int, *, last: bool) -> Comparison:
    """Compare within my timeline, which the other log left, or has reached (``last``), at ``end``.

    What a primary has is not behind its standby, so a longer log on the same timeline is ahead.
    """
    if mine.end <= end:
        return Comparison(SAME if last and mine.end == end else PREFIX, mine)
    return Comparison(AHEAD, mine) if last else Comparison(DIVERGED, mine, end)

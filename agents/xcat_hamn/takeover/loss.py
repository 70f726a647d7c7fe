"""What would be lost if a node's database became the primary with the data that it has."""

from __future__ import annotations

import time
from dataclasses import dataclass

from xcat_hamn.cluster.status import DATABASE
from xcat_hamn.database.postgresql import survey

# The private attributes by which a database and its operator talk; xcat-pgsql writes the first,
# this tool the second.
END, CONSENT = f"{DATABASE}-{survey.END}", f"{DATABASE}-{survey.CONSENT}"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class End:
    """Where a node's data ends; times are seconds since the epoch, 0 when not known.

    ``timeline``: PostgreSQL's, or Db2's term.  ``contact``: when the primary was last heard of.
    ``commit``: the last commit that is here.
    """

    timeline: int
    position: int
    contact: int = 0
    commit: int = 0

    @property
    def consent(self) -> str:
        """Return the value by which an operator agrees to go on from exactly here."""
        return f"{self.timeline} {self.position}"

    @property
    def lsn(self) -> str:
        """Return the position as PostgreSQL writes it."""
        return f"{self.position >> 32:X}/{self.position & 0xFFFFFFFF:X}"

    def newer_than(self, other: End) -> bool:
        """Tell whether this is further than ``other``."""
        return (self.timeline, self.position) > (other.timeline, other.position)


def read_end(text: str) -> End | None:
    """Return the End in "TIMELINE POSITION [CONTACT COMMIT]", None when it is not one."""
    words = text.split()
    if len(words) not in (2, 4) or not all(word.isdecimal() for word in words):
        return None
    return End(*map(int, words))


def lines(end: End, place: str, node: str, other: str, now: float) -> list[tuple[str, str]]:
    """Return what a person has to know before agreeing, as (label, text); ``place`` of the end."""
    return [
        ("the data ends at", place),
        ("last contact", f"{_moment(end.contact, now)} with the primary on {other}"),
        ("last commit here", _moment(end.commit, now)),
        (
            "lost for good",
            f"all that was committed on {other} and is not on {node}: after the last contact, "
            "everything",
        ),
    ]


def _moment(epoch: int, now: float) -> str:
    if not epoch:
        return "not known when"
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(epoch))
    if epoch > now:
        return f"{shown} (by a clock that is ahead of this one)"
    return f"{shown} ({duration(now - epoch)} ago)"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as "4 min 10 s"."""
    left, parts = int(seconds), []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"

"""May a node set aside what only it has, and follow the primary?  One table, a sentence per row.

Rows are tried from the top; the first whose condition holds decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from xcat_hamn.cluster.status import Member, Status
from xcat_hamn.cluster.vocabulary import DATABASE as WORD
from xcat_hamn.cluster.vocabulary import DATABASE_LIMIT
from xcat_hamn.database.postgresql.installation import format_lsn
from xcat_hamn.database.postgresql.lineage import counted
from xcat_hamn.files.places import ASIDE
from xcat_hamn.takeover.engines import POSTGRESQL, Engine
from xcat_hamn.takeover.loss import End


@dataclass(frozen=True)
class Divergence:
    """What a diverged node shows of its log; positions are numbers.

    ``commits``: how many transactions were committed after the fork, None when not known.
    """

    timeline: int
    end: int
    fork: int
    commits: int | None
    primary: str

    @property
    def size(self) -> int:
        """Return how many bytes of log only that node has."""
        return self.end - self.fork

    def lines(self, node: str) -> list[tuple[str, str]]:
        """Return it for a person, as (label, text)."""
        return [
            (f"{node}'s log ends at", f"{format_lsn(self.end)} on timeline {self.timeline}"),
            (f"{self.primary}'s forked off at", format_lsn(self.fork)),
            (f"only on {node}", f"{bytes_of(self.size)} of log; {counted(self.commits)}"),
        ]


@dataclass(frozen=True)
class View:
    """The cluster at one moment, as far as ``node`` is concerned.

    ``end``: how far a database goes that is not attached.  ``copy``: the operator wants the whole
    database copied anew.  ``parameters``: those of the database's agent.  ``engine``: which
    database it is.
    """

    node: str
    status: Status
    copy: bool = False
    divergence: Divergence | None = None
    end: End | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    engine: Engine = POSTGRESQL

    @property
    def me(self) -> Member:
        """Return the node."""
        return self.status.members.get(self.node) or Member(self.node)

    @property
    def word(self) -> str:
        """Return what its database is."""
        return self.me.attributes.get(WORD, "")

    @property
    def files(self) -> str:
        """Return what becomes of files that only the node has, "" where none are copied."""
        if not self.status.files:
            return ""
        return (
            f"files that only {self.node} has are kept in {ASIDE} there before {self.primary}'s "
            "replace them; `xcat-hamn report` lists them"
        )

    @property
    def running(self) -> bool:
        """Tell whether its database runs under the cluster's management."""
        return any(one.node == self.node for one in self.status.database)

    @property
    def primary(self) -> str:
        """Return the other node that has a primary, empty when none has."""
        for name, member in sorted(self.status.members.items()):
            if name != self.node and member.online and is_primary(member):
                return name
        return ""

    @property
    def data(self) -> tuple[int, int] | None:
        """Return (timeline, position) of the data that an order would be for."""
        if self.divergence is not None:
            return self.divergence.timeline, self.divergence.end
        return None if self.end is None else (self.end.timeline, self.end.position)


@dataclass(frozen=True)
class Row:
    """One case in which nothing is done: its name, when it holds, and the sentence."""

    name: str
    when: Callable[[View], bool]
    sentence: str


def is_primary(member: Member) -> bool:
    """Tell whether the database of a member is a primary of whatever kind."""
    return member.attributes.get(WORD, "").startswith("primary")


TABLE = (
    Row(
        "no such node",
        lambda v: v.node not in v.status.members,
        "{node} is no node of this cluster: its nodes are {nodes}",
    ),
    Row(
        "no database",
        lambda v: not v.status.database,
        "the cluster does not run the database: run `xcat-hamn configure` first",
    ),
    Row(
        "node not there",
        lambda v: not v.me.healthy,
        "{node} is not online: start the cluster on it first (`pcs cluster start {node}`)",
    ),
    Row(
        "primary",
        lambda v: is_primary(v.me),
        "{node} has the primary database, which follows nobody: give the node that is to follow it",
    ),
    Row(
        "not running",
        lambda v: not v.running,
        "the database does not run on {node}: let the cluster start it (`pcs resource cleanup "
        "xcat-db`), or move its data directory aside, and it is copied anew",
    ),
    Row(
        "no primary",
        lambda v: not v.primary,
        "no other node has a primary database that {node} could follow: give one the role first",
    ),
    Row(
        "follows",
        lambda v: v.word in ("standby", "catching-up"),
        "the database on {node} follows {primary} already: there is nothing to set aside",
    ),
    Row(
        "not diverged",
        lambda v: v.divergence is None and not v.copy,
        "the database on {node} is not known to have diverged from {primary}'s ({limit}): repair "
        "that, or replace it by a copy with `xcat-hamn rejoin {node} --copy`",
    ),
    Row(
        "not known how far",
        lambda v: v.data is None,
        "how far the data on {node} goes is not known yet: try again in some seconds",
    ),
)


def refusal(view: View, table: Sequence[Row] = TABLE) -> Row | None:
    """Return the row because of which nothing is done, None when the node may rejoin."""
    return next((row for row in table if row.when(view)), None)


def sentence(row: Row, view: View) -> str:
    """Return the sentence of ``row`` for ``view``."""
    return row.sentence.format(
        node=view.node,
        nodes=" and ".join(sorted(view.status.members)),
        primary=view.primary,
        limit=view.me.attributes.get(DATABASE_LIMIT) or f"it is {view.word or 'not read yet'}",
    )


def read_divergence(text: str) -> Divergence | None:
    """Return what a node shows as its divergence, None when it shows none."""
    words = text.split()
    if len(words) != 5 or not all(word.isdecimal() for word in words[:3]):
        return None
    commits = int(words[3]) if words[3].isdecimal() else None
    return Divergence(int(words[0]), int(words[1]), int(words[2]), commits, words[4])


def bytes_of(size: int) -> str:
    """Return a size for a person."""
    for unit, scale in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"

"""How healthy is the management node?  One pure function, one sentence per row.

Rows are tried from the top; the first whose condition holds decides.  The same table is rendered
into the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from xcat_hamn.cluster.status import GROUP, Status
from xcat_hamn.cluster.vocabulary import (
    DATABASE,
    DATABASE_LIMIT,
    FILES,
    FILES_LIMIT,
    GATE,
    MANAGEMENT_NODE,
)
from xcat_hamn.takeover.decision import Act, Verdict


class Health(Enum):
    """How it is, as a word for programs."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it serves, but something needs attention
    DOWN = "down"  # it does not serve


@dataclass(frozen=True)
class Cluster:
    """The status, and for each node what `xcat-hamn takeover` would make of it."""

    status: Status
    takeovers: Mapping[str, Verdict]

    @property
    def active(self) -> str:
        """Return the node that has all of the role and is there, empty when none has."""
        node = self.status.active_on()
        member = self.status.members.get(node)
        return node if member and member.healthy else ""

    @property
    def lost(self) -> str:
        """Return the node that holds the role and is not there, empty when none does."""
        node = self.status.holder()
        member = self.status.members.get(node)
        return node if member and not member.online else ""

    @property
    def ready(self) -> list[str]:
        """Return the nodes that could take over by a move."""
        acts = self.takeovers.items()
        return [node for node, verdict in acts if verdict.act is Act.MOVE and node != self.active]

    @property
    def others(self) -> list[str]:
        """Return the nodes without the role."""
        return [node for node in self.status.members if node != self.active]

    def shown(self, name: str, node: str = "") -> str:
        """Return attribute ``name`` of a node, by default of the active one."""
        member = self.status.members.get(node or self.active)
        return member.attributes.get(name, "") if member else ""

    @property
    def gate(self) -> str:
        """Return what a fencing waits for."""
        return next((self.shown(GATE, n) for n in self.status.members if self.shown(GATE, n)), "")


@dataclass(frozen=True)
class Row:
    """One case: its name, when it holds, how healthy that is, and the sentence."""

    name: str
    when: Callable[[Cluster], bool]
    health: Health
    sentence: str


_DOWN, _DEGRADED = Health.DOWN, Health.DEGRADED
#: Words of xcat-files: what is copied to the other node is not what it should be.
_FILES_BEHIND = ("source-stale", "source-failing", "source-refused", "source-stopped")

TABLE = (
    Row(
        "no role",
        lambda c: c.status.group is None,
        _DOWN,
        "the cluster has no group {group}: run `xcat-hamn configure`",
    ),
    Row(
        "lost",
        lambda c: bool(c.lost),
        _DOWN,
        "{lost}, the management node, was lost: nothing serves",
    ),
    Row(
        "on its way",
        lambda c: not c.active and c.status.busy(),
        _DOWN,
        "the role of the management node is on its way: it starts, stops or moves",
    ),
    Row(
        "nowhere",
        lambda c: not c.active,
        _DOWN,
        "no node is the management node",
    ),
    Row(
        "commits wait",
        lambda c: c.shown(DATABASE) == "primary-waiting",
        _DEGRADED,
        "{active} is the management node, but its database waits: {limit}",
    ),
    Row(
        "hands off",
        lambda c: c.status.maintenance or not all(one.managed for one in c.status.role),
        _DEGRADED,
        "{active} is the management node, but the cluster is told to keep its hands off",
    ),
    Row(
        "warning",
        lambda c: c.shown(MANAGEMENT_NODE) == "warning",
        _DEGRADED,
        "{active} is the management node, but its identity needs attention: see its log",
    ),
    Row(
        "nobody could take over",
        lambda c: not c.ready,
        _DEGRADED,
        "{active} is the management node, and no other node could take over",
    ),
    Row(
        "files",
        lambda c: c.shown(FILES) in _FILES_BEHIND,
        _DEGRADED,
        "{active} is the management node and {ready} could take over, but would not have all of "
        "its files: {files}",
    ),
    Row(
        "failures",
        lambda c: bool(c.status.failures),
        _DEGRADED,
        "{active} is the management node and {ready} could take over, but something has failed: "
        "`pcs resource cleanup` once it is repaired",
    ),
    Row(
        "healthy",
        lambda _: True,
        Health.HEALTHY,
        "{active} is the management node, {ready} could take over",
    ),
)


def judge(cluster: Cluster) -> tuple[Row, str]:
    """Return the row that holds and its sentence; total, since the last row always holds."""
    row = next(row for row in TABLE if row.when(cluster))
    return row, row.sentence.format(
        group=GROUP,
        active=cluster.active,
        lost=cluster.lost,
        ready=" and ".join(cluster.ready),
        limit=cluster.shown(DATABASE_LIMIT),
        files=cluster.shown(FILES_LIMIT) or "see its log",
    )

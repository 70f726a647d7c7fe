"""The report on the cluster: what status and explain show, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.cluster.status import Member, Status
from xcat_hamn.cluster.vocabulary import DATABASE, DATABASE_LIMIT, VOCABULARY
from xcat_hamn.database.postgresql import decision as postgresql
from xcat_hamn.overview.files import Freshness
from xcat_hamn.overview.health import Cluster, Health, judge
from xcat_hamn.takeover import decision as takeover
from xcat_hamn.takeover.decision import Act, Verdict
from xcat_hamn.takeover.view import Asks, look_at

#: Promotion score -> what it means for Pacemaker.
SCORES = {
    postgresql.PRIMARY_SCORE: "it is the primary and stays it",
    postgresql.LEADING_SCORE: "it leads: it was the last primary, or the only one",
    postgresql.STANDBY_SCORE: "it may be promoted",
    GATED: "it must not be promoted, whatever anybody asks",
    "": "none: its database has not said anything",
}


@dataclass(frozen=True)
class Node:
    """What is said of one node."""

    name: str
    state: str
    role: str
    database: str
    limit: str
    score: str
    takeover: Verdict

    @property
    def meaning(self) -> str:
        """Return what the word of its database means."""
        return VOCABULARY[DATABASE][2].get(self.database, "nothing is known of its database")


@dataclass(frozen=True)
class Report:
    """What is said of the cluster; ``row`` is the case of ``overview.health``.

    ``files``: what this node knows of the copy of files, None where that was not looked at.
    """

    health: Health
    row: str
    sentence: str
    active: str
    gate: str
    nodes: tuple[Node, ...]
    failures: tuple[str, ...]
    files: Freshness | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "health": self.health.value,
            "case": self.row,
            "sentence": self.sentence,
            "active": self.active or None,
            "gate": self.gate,
            "nodes": [
                {
                    "name": node.name,
                    "state": node.state,
                    "role": node.role,
                    "database": node.database,
                    "limit": node.limit,
                    "score": node.score,
                    "takeover": {
                        "case": node.takeover.row,
                        "act": node.takeover.act.name.lower(),
                        "sentence": node.takeover.sentence,
                    },
                }
                for node in self.nodes
            ],
            "failures": list(self.failures),
            "files": self.files.as_json() if self.files else None,
        }


def report(cluster: Asks) -> Report:
    """Look at the cluster once and report on it.  Raises HamnError when it does not answer."""
    status, cib = cluster.status(), cluster.query()
    takeovers = {
        node: takeover.judge(look_at(cluster, status, cib, node)) for node in sorted(status.members)
    }
    seen = Cluster(status, takeovers)
    row, sentence = judge(seen)
    return Report(
        health=row.health,
        row=row.name,
        sentence=sentence,
        active=seen.active,
        gate=seen.gate,
        nodes=tuple(_node(seen, name, takeovers[name]) for name in takeovers),
        failures=tuple(f"{f.operation} on {f.node}: {f.reason}" for f in status.failures),
    )


def _node(seen: Cluster, name: str, verdict: Verdict) -> Node:
    member = seen.status.members[name]
    return Node(
        name=name,
        state=_state(member),
        role=_role(seen, name),
        database=member.attributes.get(DATABASE, ""),
        limit=member.attributes.get(DATABASE_LIMIT, ""),
        score=member.score,
        takeover=verdict,
    )


def _state(member: Member) -> str:
    if member.online:
        words = {
            "joining": member.pending,
            "cannot stop": member.unclean,
            "standby mode": member.standby,
            "maintenance": member.maintenance,
        }
        return next((word for word, holds in words.items() if holds), "online")
    return "lost" if member.unclean else "down"


def _role(seen: Cluster, name: str) -> str:
    if name == seen.active:
        return "management node"
    if name == seen.lost:
        return "had the role"
    if _has_part(seen.status, name):
        return "part of the role"
    return "could take over" if seen.takeovers[name].act is Act.MOVE else "no role"


def _has_part(status: Status, name: str) -> bool:
    return name in status.primaries() or name in status.group_nodes()

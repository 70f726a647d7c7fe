"""What the operator's tool knows of each database: how its data is placed, and its agent's words.

The agents of both talk to the tool by the same attributes; a timeline of PostgreSQL and a term of
Db2 (``database.db2.term``) play the same part: they count up with each takeover.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xcat_hamn.cluster.cib import parse
from xcat_hamn.cluster.status import DATABASE
from xcat_hamn.database.postgresql import decision as postgresql
from xcat_hamn.takeover.loss import End


@dataclass(frozen=True)
class Engine:
    """One database.

    ``agent``: its resource agent.  ``place``: where data ends, for a person.  ``position``: the
    same for a program.  ``complete``: what its agent says when only the operator's order is
    missing, naming {peer} and {node}.
    """

    agent: str
    place: Callable[[End], str]
    position: Callable[[End], str]
    complete: tuple[str, ...] = ()

    def is_complete(self, limit: str, *, peer: str, node: str) -> bool:
        """Tell whether the agent says that nothing is missing, though it does not promote."""
        return limit in {text.format(peer=peer, node=node) for text in self.complete}


POSTGRESQL = Engine(
    "xcat-pgsql",
    lambda end: f"timeline {end.timeline}, position {end.lsn}",
    lambda end: end.lsn,
    tuple(
        row.limit for row in postgresql.TABLE if row.name in ("other database down", "primary back")
    ),
)
DB2 = Engine(
    "xcat-db2hadr",
    lambda end: f"term {end.timeline}, log position {end.position}",
    lambda end: str(end.position),
)


def engine_in(cib: str) -> Engine:
    """Return the database that a CIB runs; PostgreSQL's ways where it runs none."""
    found = parse(cib).find(f".//primitive[@id='{DATABASE}']")
    return DB2 if found is not None and found.get("type") == DB2.agent else POSTGRESQL

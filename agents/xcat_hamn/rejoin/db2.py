"""The way back of a Db2 database that cannot follow: the other one's backup is restored over it.

Db2 undoes no transactions of a database that has parted from its primary (HADR wiki, "HADR
commands": reintegration), so there is no rewind: RESTORE of a backup of the primary is the only
way.  While that is done the cluster is told to keep its hands off this one instance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from xcat_hamn.cluster.status import CLONE, DATABASE, Status
from xcat_hamn.cluster.vocabulary import DATABASE_LIMIT
from xcat_hamn.database.db2.setup.pair import Pair
from xcat_hamn.database.db2.setup.procedure import Procedure, Reporter
from xcat_hamn.errors import CommandFailed
from xcat_hamn.rejoin.decision import TABLE as COMMON
from xcat_hamn.rejoin.decision import Row

_SHARED = ("no such node", "no database", "node not there", "primary", "no primary", "follows")
TABLE = (
    *(row for row in COMMON if row.name in _SHARED),
    Row(
        "not diverged",
        lambda v: v.word != "diverged" and not v.copy,
        "the database on {node} is not known to have diverged from {primary}'s ({limit}): repair "
        "that, or replace it by a copy with `xcat-hamn rejoin {node} --copy`",
    ),
)
#: The steps of the set-up that a standby is made anew with; the cluster starts it then.
STEPS = ("backup", "copy", "restore", "recovery-standby", "parameters")

#: Seconds for the cluster to stop the database, and for it to follow once it has been restored.
STOPPED, FOLLOWS = 240.0, 240.0
_EVERY = 0.5

Connect = Callable[[], "AbstractContextManager[Pair]"]


class Cluster(Protocol):
    """What is needed of ``cluster.pacemaker.Pacemaker``."""

    def status(self) -> Status:
        """Return the cluster's status."""


class Restorer:
    """Restores the database of a node; ``do`` runs a command of the cluster and waits for it.

    ``connect`` gives both nodes; ``tell`` gets a sentence for each thing that happens.
    """

    def __init__(
        self,
        cluster: Cluster,
        connect: Connect,
        reporter: Reporter,
        do: Callable[[Sequence[str]], None],
        tell: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._connect = connect
        self._reporter = reporter
        self._do = do
        self._tell = tell

    def restore(self, node: str) -> None:
        """Do it, and wait until the database follows.  Raises HamnError; no ban is left."""
        place = [f"--resource={CLONE}", f"--node={node}"]
        try:
            self._do(["crm_resource", "--ban", *place])
            self._wait(
                lambda: not self._runs(node), STOPPED, f"the database on {node} to be stopped"
            )
            with self._connect() as pair:
                procedure = Procedure(pair, self._reporter)
                procedure.prepare()
                procedure.run(STEPS)
        finally:
            self._do(["crm_resource", "--clear", *place])
            self._do(["crm_resource", "--cleanup", f"--resource={DATABASE}", f"--node={node}"])
        self._tell(f"the cluster starts the database on {node} as the standby")
        self._wait(lambda: self._follows(node), FOLLOWS, f"the database on {node} to follow")

    def _runs(self, node: str) -> bool:
        return any(
            one.node == node and (one.role != "Stopped" or one.under_way)
            for one in self._cluster.status().database
        )

    def _follows(self, node: str) -> bool:
        return self._cluster.status().members[node].attributes.get("xcat-db") == "standby"

    def _wait(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                limits = [
                    member.attributes.get(DATABASE_LIMIT, "")
                    for member in self._cluster.status().members.values()
                ]
                why = next(filter(None, limits), "see crm_mon for why")
                raise CommandFailed(f"waited {seconds:.0f} s in vain for {what}: {why}")
            time.sleep(_EVERY)

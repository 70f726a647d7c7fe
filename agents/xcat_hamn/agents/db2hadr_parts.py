"""What the actions of ocf:heartbeat:xcat-db2hadr act through, made of its parameters."""

from __future__ import annotations

import os

from xcat_hamn import errors
from xcat_hamn.agents.failures import Failures
from xcat_hamn.cluster.fate import Fate
from xcat_hamn.database.db2.instance import Instance
from xcat_hamn.database.db2.marks import Marks
from xcat_hamn.database.db2.publication import Publication
from xcat_hamn.database.db2.survey import Obituary, Survey
from xcat_hamn.database.db2.term import Term
from xcat_hamn.ocf.call import Handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.db2.roles import Roles
    from xcat_hamn.ocf.call import Call


class Parts(Handlers):
    """Everything that the actions act through."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        values, context = call.values, call.context
        self.node = context.node or _ask_node_name(call)
        self.nodes = dict(word.split("=", 1) for word in values.words("nodes"))
        self.peers = sorted(name for name in self.nodes if name != self.node)
        self.attributes = call.attributes
        self.failures = Failures(context, self.attributes, self.node)
        self.marks = Marks(context.run_directory)
        self.term = Term(context.durable_directory)
        self.instance = Instance(
            call.runner, call.deadline, call.log, values.text("instance"), values.text("database")
        )
        self.survey = Survey(
            self.attributes,
            Fate(call.runner),
            Obituary(context.run_directory, self._fenced_between),
            self.term,
            self.node,
            self.peers,
            context.run_directory,
        )
        self.publication = Publication(
            self.attributes,
            self.survey,
            self.term,
            call.deadline,
            call.log,
            self.node,
            self.peers,
        )

    def roles(self) -> Roles:
        """Return what changes the role."""
        from xcat_hamn.database.db2.roles import Roles

        return Roles(
            self.instance,
            self.survey,
            self.publication,
            self.marks,
            self.call.deadline,
            self.call.log,
            self.node,
        )

    def _fenced_between(self, node: str, after: float, before: float) -> int | None:
        from xcat_hamn.cluster.fencing_times import fenced_between

        return fenced_between(self.call.runner, node, after, before)


def _ask_node_name(call: Call) -> str:
    """Return this node's name in the cluster (Pacemaker names it in every call but validate)."""
    try:
        result = call.runner.run(["crm_node", "-n"], timeout=5)
    except errors.HamnError:
        return ""
    return result.stdout.strip() or os.uname().nodename

"""What the actions of ocf:heartbeat:xcat-pgsql act through, made of its parameters."""

from __future__ import annotations

import os

from xcat_hamn import errors
from xcat_hamn.agents.pgsql_parameters import AUTO
from xcat_hamn.cluster.fate import Fate
from xcat_hamn.database.postgresql.claim import Claim
from xcat_hamn.database.postgresql.client import Client
from xcat_hamn.database.postgresql.installation import Installation
from xcat_hamn.database.postgresql.lineage import Lineage
from xcat_hamn.database.postgresql.progress import Progress
from xcat_hamn.database.postgresql.promise import Promises
from xcat_hamn.database.postgresql.publication import Publication
from xcat_hamn.database.postgresql.replication import Replication
from xcat_hamn.ocf.call import Handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.database.postgresql.rejoin import Rejoin
    from xcat_hamn.database.postgresql.server import Server
    from xcat_hamn.ocf.call import Call


class Parts(Handlers):
    """Everything that the actions act through."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        values = call.values
        self.node = call.context.node or _ask_node_name(call)
        self.attributes = call.attributes
        self.installation = Installation(
            call.runner,
            pgdata=values.text("pgdata"),
            user=values.text("user"),
            bindir=values.text("bindir"),
            config_file=values.text("config_file"),
        )
        self.client = Client(
            user=values.text("user"),
            port=values.number("port"),
            socket_directory=values.text("socket_directory"),
            deadline=call.deadline,
        )
        addresses = dict(word.split("=", 1) for word in values.words("nodes"))
        self.replication = Replication(
            self.node,
            addresses,
            port=values.number("port"),
            user=values.text("replication_user"),
            passfile=values.text("passfile"),
        )
        self.peers = sorted(self.replication.peers)
        self.claim = Claim(call.context.durable_directory)
        self.promises = Promises(
            self.attributes,
            Fate(call.runner),
            self.node,
            run_directory=call.context.run_directory,
            durable_directory=call.context.durable_directory,
        )
        self.lineage = Lineage(
            self.installation,
            self.replication,
            self.attributes,
            call.deadline,
            call.log,
            call.context.run_directory,
        )
        self.progress = Progress(f"{call.context.run_directory}/progress")
        self.publication = Publication(
            self.attributes,
            self.claim,
            self.client,
            call.deadline,
            call.log,
            self.promises,
            self.lineage,
            self.node,
            self.peers,
        )

    def server(self) -> Server:
        """Return the server process."""
        from xcat_hamn.database.postgresql.server import Server

        call = self.call
        instance = call.context.instance
        return Server(self.installation, self.client, call.deadline, call.log, instance)

    def rejoin(self, copy: Callable[[], None]) -> Rejoin:
        """Return the start of a server; ``copy`` fills an absent data directory."""
        from xcat_hamn.database.postgresql.rejoin import Rejoin
        from xcat_hamn.database.postgresql.rewind import Rewind

        call, installation, replication = self.call, self.installation, self.replication
        return Rejoin(
            server=self.server(),
            replication=replication,
            attributes=self.attributes,
            claim=self.claim,
            lineage=self.lineage,
            rewind=Rewind(installation, replication, call.deadline, self.progress),
            log=call.log,
            auto=call.values.text("rejoin") == AUTO,
            prepare=self.publication.preparing,
            copy=copy,
        )


def _ask_node_name(call: Call) -> str:
    """Return this node's name in the cluster (Pacemaker names it in every call but validate)."""
    try:
        result = call.runner.run(["crm_node", "-n"], timeout=5)
    except errors.HamnError:
        return ""
    return result.stdout.strip() or os.uname().nodename

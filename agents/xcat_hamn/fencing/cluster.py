"""The cluster as the gate asks it, through Pacemaker's and Corosync's own commands."""

from __future__ import annotations

import os

from xcat_hamn.cluster.attributes import gate
from xcat_hamn.cluster.vocabulary import GATE
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.fencing.archive import configuration_at_loss
from xcat_hamn.fencing.view import Observation, Target, observe, primitive_of, wishes_in
from xcat_hamn.system.runner import Runner

_TIMEOUT = 10.0
#: A CIB may be large; crm_mon's status of it is of the same order.
_LIMIT = 64 << 20


class LiveCluster:
    """The cluster of this node."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._parent = os.getppid()

    def status(self) -> str:
        """Return crm_mon's XML.  Raises HamnError."""
        return self._ask(["crm_mon", "--one-shot", "--output-as=xml"], "read the cluster's status")

    def configuration(self) -> str:
        """Return the configuration.  Raises HamnError."""
        query = ["cibadmin", "--query", "--scope=configuration"]
        return self._ask(query, "read the cluster's configuration")

    def observe(self, target: Target) -> Observation:
        """Look at the cluster now.  Raises HamnError when it does not answer."""
        return observe(self.status(), self.configuration(), target)

    def ring(self) -> str:
        """Return corosync's ring id, empty when corosync does not say."""
        try:
            # Its exit code says whether there is quorum.
            shown = self._runner.run(["corosync-quorumtool", "-s"], timeout=_TIMEOUT).stdout
        except HamnError:
            return ""
        for line in shown.splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "Ring ID":
                return value.strip()
        return ""

    def wishes_at_loss(self, target: Target) -> frozenset[str] | None:
        """Return the moves away from the node that were there when this membership formed.

        None when that cannot be known.
        """
        try:
            configuration = configuration_at_loss()
            return None if configuration is None else wishes_in(configuration, target)
        except (HamnError, OSError):
            return None

    def tell(self, sentence: str) -> None:
        """Show ``sentence`` in crm_mon for this node; best effort, the log has it too."""
        change = f"--update={sentence}" if sentence else "--delete"
        try:
            self._runner.run(["attrd_updater", "--name", GATE, change], timeout=_TIMEOUT)
        except HamnError:
            return

    def look_anew(self, target: Target) -> None:
        """Let the agent of this node's database look at the loss; best effort."""
        try:
            instance = primitive_of(self.configuration(), target.database)
            if instance:
                look = ["crm_resource", "--resource", instance, "--force-check"]
                self._runner.run(look, timeout=_TIMEOUT)
        except HamnError:
            return

    def hold(self, target: Target) -> None:
        """Keep this node's database from being promoted until its agent has looked again."""
        instance = primitive_of(self.configuration(), target.database)
        if instance:
            gate(self._runner, instance)

    def wanted(self) -> bool:
        """Tell whether the process that started this one still runs."""
        return os.getppid() == self._parent

    def _ask(self, argv: list[str], purpose: str) -> str:
        result = self._runner.run(argv, timeout=_TIMEOUT, limit=_LIMIT)
        if not result.ok:
            raise CommandFailed(
                f"could not {purpose}: `{argv[0]}` ended with {result.returncode}: see whether "
                "Pacemaker runs on this node"
            )
        return result.stdout

"""The real cluster that all scenarios of a run share: made once, brought back after each."""

from __future__ import annotations

from labkit import cluster, host, provision
from labkit.host import LabError
from labkit.lab import Lab

from scenariokit.faults import Faults
from scenariokit.operating import Operator
from scenariokit.plan import Step
from scenariokit.watching import Watcher
from scenariokit.world import GROUP, MEMBERS, NotSeen, World
from scenariokit.writers import Writers


class Stage:
    """Two configured management nodes with power devices, a client, and writers."""

    def __init__(self, lab: Lab, database: str = "postgresql") -> None:
        self.lab = lab
        self.world = World(lab, database)
        self.writers = Writers(self.world)
        self.faults = Faults(self.world)
        self.operator = Operator(self.world)
        self.watcher = Watcher(self.world, self.writers, self.faults)

    def make(self) -> None:
        """Build it on bare nodes that have just booted: role on mn1, mn2 confirmed."""
        provision.management_nodes(self.lab, power=True, engine=self.world.database.engine)
        for name in MEMBERS:
            # A node that comes back after a loss of power joins by itself.
            self.world.node(name).run(["systemctl", "enable", "corosync", "pacemaker"])
        host.say("xcat-hamn configure")
        self.world.node("mn1").run(["xcat-hamn", "configure"], timeout=120)
        active = self.world.wait_any_settled(180)
        self.writers.prepare(active)
        self.writers.ensure()

    def restore(self) -> str:
        """Bring back the start state, whatever has happened; return the node that has the role.

        Raises NotSeen when the cluster does not get there, which is a fault of the product or of
        the scenario before.
        """
        self.operator.undo()
        self._mend()
        self.faults.undo()
        self._mend()
        self._tidy()
        try:
            self.operator.reconcile(Step("reconcile", "everything", {"within": 75}))
            active = self.world.wait_any_settled(1)
        except NotSeen as problem:
            active = self._copy_anew(problem)
        self.writers.ensure()
        return active

    def _mend(self) -> None:
        """Have both nodes in the cluster; one may still be switched off by the other meanwhile."""
        nodes = [self.world.node(name) for name in MEMBERS]
        for attempt in (1, 2, 3):
            self.lab.mend()
            try:
                for node in nodes:
                    cluster.start(node)
                cluster.wait_online(nodes, 40)
            except LabError:
                if attempt == 3:
                    raise
            else:
                return

    def _copy_anew(self, problem: NotSeen) -> str:
        """Give a standby that does not get ready a new copy: the scenario before has failed."""
        active = next((name for name in MEMBERS if self.world.role_on(name) == name), None)
        if active is None:
            raise problem
        standby = self.world.other(active)
        host.say(f"  {standby} does not become a standby: its database is copied anew")
        node = self.world.node(standby)
        cluster.stop(node)
        self.world.database.engine.copy_anew(self.world.node(active), node)
        cluster.start(node)
        self.world.wait_settled(active, 120)
        return active

    def _tidy(self) -> None:
        """Remove what scenarios leave on purpose: failures, fencing history, constraints."""
        node = self.world.node("mn1")
        cib = node.output("cibadmin", "--query", "--scope=constraints")
        if "cli-" in cib:
            node.run(["crm_resource", "--clear", f"--resource={GROUP}"], check=False)
        status = self.world.status("mn1")
        if status is not None and status.find("failures/failure") is not None:
            node.run(["crm_resource", "--cleanup"], check=False, timeout=90)
        if status is not None and status.find("fence_history/fence_event") is not None:
            node.run(["stonith_admin", "--cleanup", "--history=*"], check=False)

    def end(self) -> None:
        """End what it has running outside the nodes."""
        self.operator.undo()
        self.faults.undo()
        self.writers.end()

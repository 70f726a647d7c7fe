"""ocf:heartbeat:xcat-filesync: which action does what.

The copy must never take the management node down: a source whose process died, or that cannot
copy, is repaired in place or reported as degraded, and stays the source.
"""

from __future__ import annotations

import time

from xcat_hamn import __version__, errors
from xcat_hamn.agents import filesync_parts
from xcat_hamn.agents.filesync_parameters import PARAMETERS
from xcat_hamn.agents.filesync_parts import EPOCH, REPLICA, SCORE, SOURCE, Parts
from xcat_hamn.agents.filesync_verdict import (
    OLDER,
    ReplicaView,
    SourceView,
    Verdict,
    of_replica,
    of_source,
)
from xcat_hamn.cluster.vocabulary import FILES_LIMIT
from xcat_hamn.files import recency
from xcat_hamn.files.resident import glance
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.declaration import Action, Agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.agents.filesync_change import Change
    from xcat_hamn.files.resident.glance import Glance


class FileSync(Parts):
    """The actions of xcat-filesync."""

    # -- monitor ---------------------------------------------------------------------------

    def monitor(self) -> int:
        """Say what the copy is; a process that died is started again in place."""
        role, running = self.role.name(), glance.alive(self.where)
        if not role and not running:
            if not self.call.context.is_probe:
                raise errors.NotRunning("xcat-filesync was not started on this node")
            return codes.NOT_RUNNING
        self.attributes.score(SCORE)
        self.share_epoch()
        if self.call.context.is_probe:
            return codes.RUNNING_PROMOTED if running or role == SOURCE else codes.SUCCESS
        if running or role == SOURCE:
            return self._monitor_source()
        self._show_replica()
        return codes.SUCCESS

    def _monitor_source(self) -> int:
        seen, why = glance.look(self.where), ""
        if not seen.pid or seen.hangs:
            what = "does not answer" if seen.pid else "has died"
            self.call.log.warning(f"the process that copies the files {what}: it is started again")
            why = self._change().bring_up()
            seen = glance.look(self.where)
        verdict = self._judge_source(seen, why)
        self.show(verdict)
        if verdict.degraded and self.call.values.flag("report_degraded"):
            raise errors.DegradedPromoted(verdict.limit)
        return codes.RUNNING_PROMOTED

    def _judge_source(self, seen: Glance, why: str) -> Verdict:
        marks, since, now = recency.marks(filesync_parts.UNDER), self.role.since(), time.time()
        ages = {}
        for entry in seen.entries:
            node, until = marks.get(entry.name, ("", 0.0))
            proven = until if node == self.node else since
            ages[entry.name] = max(0.0, now - proven) if entry.age is None else entry.age
        refused = any(entry.problem == OLDER for entry in seen.entries)
        view = SourceView(
            self.node,
            self.peer,
            self.where.log,
            running=not why,
            why=why,
            contact=seen.contact,
            entries=seen.entries,
            ages=ages,
            newer=self._newer() if refused else "",
        )
        return of_source(view)

    def _newer(self) -> str:
        """Return who is the source, as the other node sees it; "" when it is this one."""
        try:
            text = self.attributes.shared(EPOCH, self.peer) or ""
        except errors.CommandFailed:
            return ""
        number, _, node = text.partition(" ")
        return f"{node} is the source since epoch {number}" if node not in ("", self.node) else ""

    def _show_replica(self) -> None:
        if self.notes.text("lacks"):
            self._change().look_around()  # somebody may have brought it meanwhile
        marks, now = recency.marks(filesync_parts.UNDER), time.time()
        # Its own mark, of when it was the source, says how old its files are as well.
        ages = {
            name: max(0.0, now - until) if until > 0 else None
            for name, (_node, until) in marks.items()
        }
        owed = [
            name
            for name in self.notes.text("owed").split()
            if marks.get(name, (self.node, 0.0))[0] == self.node
        ]
        view = ReplicaView(
            self.node, self.peer, ages, self.notes.most(), lacks=self.notes.text("lacks"), owed=owed
        )
        self.show(of_replica(view))

    def _change(self) -> Change:
        from xcat_hamn.agents.filesync_change import Change

        return Change(self)

    # -- start and stop --------------------------------------------------------------------

    def start(self) -> None:
        """Be a replica: what comes from the source is received by sshd's forced command."""
        if self.node not in self.nodes:
            raise errors.NodeError(
                f"this node is {self.node}, which parameter nodes does not name: add "
                f"{self.node}=ADDRESS to it, or keep the resource away from this node"
            )
        change = self._change()
        change.put_down()
        change.look_around()
        self.role.take(REPLICA)
        self.attributes.score(SCORE)
        self.share_epoch()
        self._show_replica()

    def stop(self) -> None:
        """End all copying by this node."""
        self._change().put_down()
        self.role.drop()
        self.notes.write("owed", "")
        self.attributes.score("")
        self.show(Verdict("stopped"))

    # -- promote and demote ----------------------------------------------------------------

    def promote(self) -> None:
        """Be the source: complete, in a new epoch that the other node knows, and copying."""
        from xcat_hamn.system.backoff import Backoff

        if self.role.name() == SOURCE and glance.alive(self.where):
            return
        change = self._change()
        failures = Backoff(f"{self.call.context.run_directory}/failed-promotions")
        try:
            change.put_down()
            change.become_source()
        except errors.HamnError as problem:
            self.attributes.publish(FILES_LIMIT, str(problem))
            failures.failed(self.call.deadline)
            raise
        failures.succeeded()
        self.role.take(SOURCE)
        self.notes.write("owed", "")
        why = change.bring_up()
        if why:
            self.call.log.error(f"{why}; the monitor tries again")
        self.show(self._judge_source(glance.look(self.where), why))

    def demote(self) -> None:
        """Make the last copy, then be a replica; it succeeds when nothing is copied any more."""
        if self.role.name() != SOURCE and not glance.alive(self.where):
            return
        change = self._change()
        missing = change.last_copy()
        for name, why in missing.items():
            self.call.log.warning(f"{name} is not proven to be on {self.peer}: {why}")
        if not missing:
            self.call.log.info(f"everything is on {self.peer}")
        change.put_down()
        self.role.take(REPLICA)
        self.notes.write("owed", " ".join(missing))
        self._show_replica()

    # -- the rest --------------------------------------------------------------------------

    def reload_agent(self) -> None:
        """Look at the definitions and keys again; everything else is read by every call."""
        self._change().look_around()

    def problems(self) -> list[Exception]:
        """Return what this node lacks for the parameters given."""
        from xcat_hamn.files import readiness

        return list(readiness.problems(self.places(), self.node, self.peer))


AGENT = Agent(
    name="xcat-filesync",
    version=__version__,
    shortdesc="xCAT's credentials, keys, packages and configuration, copied to the standby",
    longdesc=(
        "Keeps the file sets of the standby management node seconds old. Promoted is the source of "
        "the copy, Unpromoted its replica. One resident process on the source sees changes by the "
        "kernel's events and sends them with rsync over ssh, whose key opens nothing else. Each "
        "promotion raises an epoch; a replica takes nothing from an older source. A demotion is "
        "the last copy. How old a set is, and what keeps it from being copied, is in node "
        "attributes xcat-files and xcat-files-limit; it never stops the management node."
    ),
    parameters=PARAMETERS,
    actions=(
        Action("start", 60),
        Action("stop", 60),
        Action("promote", 60),
        Action("demote", 120),
        Action("monitor", 40, interval=10, role="Promoted"),
        Action("monitor", 40, interval=13, role="Unpromoted"),
        Action("reload-agent", 20),
    ),
    handlers=FileSync,
)

"""ocf:heartbeat:xcat-db2hadr: which action does what.

No action runs STOP HADR or ROLLFORWARD: they would make a standalone database of a standby, which
then has to be copied anew.
"""

from __future__ import annotations

from xcat_hamn import __version__, errors
from xcat_hamn.agents.db2hadr_parameters import PARAMETERS
from xcat_hamn.agents.db2hadr_parts import Parts
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.instance import INSTANCE_DOWN
from xcat_hamn.database.db2.marks import DIVERGED, IDLE, PROMOTED
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.declaration import Action, Agent
from xcat_hamn.system.backoff import Backoff

#: Rows that a stopped former primary resolves by following the other one.
_GIVES_WAY = ("succeeded", "older claim")


class Db2Hadr(Parts):
    """The actions of xcat-db2hadr."""

    # -- monitor ---------------------------------------------------------------------------

    def monitor(self) -> int:
        """Read the role with db2pd, publish it, and keep the promotion score true."""
        try:
            condition, found = self.instance.look()
        except errors.MissingTool:
            if self.call.context.is_probe:
                return codes.NOT_RUNNING
            raise
        except errors.HamnError:
            self.publication.word("failed")
            raise
        if found is not None:
            return self._monitor_active(found)
        if condition == hadr.NOT_ACTIVATED and self.marks.has(IDLE):
            return self._monitor_idle()
        if self.call.context.is_probe and condition != hadr.NOT_HADR:
            return codes.NOT_RUNNING
        self.publication.word("failed" if condition == hadr.NOT_HADR else "stopped")
        raise self._absent(condition)

    def _absent(self, condition: str) -> errors.HamnError:
        name, instance = self.instance.database, self.instance.name
        if condition == hadr.NOT_HADR:
            return errors.CommandFailed(
                f"database {name} is active, and is no HADR database: make it one with `xcat-hamn "
                "setup database`"
            )
        what = f"instance {instance}" if condition == INSTANCE_DOWN else f"database {name}"
        return errors.NotRunning(
            f"the Db2 {what} is not active, although it was started here: see db2diag.log of "
            f"instance {instance} for why it ended"
        )

    def _monitor_active(self, found: hadr.Hadr) -> int:
        view = self.publication.look(found, promoted=self.marks.has(PROMOTED))
        if view is not None:
            self.publication.show(found, view)
        if found.role != hadr.PRIMARY:
            if found.role == hadr.STANDBY:
                return codes.SUCCESS
            raise errors.CommandFailed(
                f"db2pd says role {found.role or '(none)'}, which is not known: look at it on "
                f"{self.node}, and report it"
            )
        degraded = not (found.attached and found.state == hadr.PEER)
        if self.peers and degraded and self.call.values.flag("report_degraded"):
            return codes.DEGRADED_PROMOTED
        return codes.RUNNING_PROMOTED

    def _monitor_idle(self) -> int:
        """Look after a primary that waits, inactive, until it is promoted or succeeded."""
        view = self.publication.look(None, promoted=False)
        if view is not None:
            verdict = self.publication.show(None, view)
            if verdict.row in _GIVES_WAY and not self.call.context.is_probe:
                raise errors.CommandFailed(
                    f"the database on {view.peer_name} is the newer primary: this one is "
                    "restarted, as its standby"
                )
        return codes.SUCCESS

    # -- start -----------------------------------------------------------------------------

    def start(self) -> None:
        """Bring the database up in its role; a former primary as the standby of the new one."""
        self._require_member()
        self.marks.drop(DIVERGED)
        failures = Backoff(f"{self.call.context.run_directory}/failed-starts")
        try:
            self._start()
        except errors.CommandFailed:
            failures.failed(self.call.deadline)
            raise
        failures.succeeded()

    def _start(self) -> None:
        condition, found = self.instance.look()
        if condition == INSTANCE_DOWN:
            self._start_instance()
            condition, found = self.instance.look()
        if found is not None and found.role == hadr.PRIMARY:
            self.call.log.info("Db2 runs as a primary that nobody promoted: deactivating it")
            self.instance.deactivate(self.call.deadline)
            found = None
        elif condition == hadr.NOT_HADR:
            raise errors.NodeError(str(self._absent(condition)))
        if found is None:
            self.survey.forget()
            self._start_database()
        condition, found = self.instance.look()
        view = self.publication.look(found, promoted=False)
        if view is not None:
            self.publication.show(found, view)

    def _require_member(self) -> None:
        if self.node not in self.nodes:
            raise errors.NodeError(
                f"this node is {self.node}, which parameter nodes does not name: add "
                f"{self.node}=ADDRESS to it, or keep the resource away from this node"
            )

    def _start_instance(self) -> None:
        if not self.call.values.flag("manage_instance"):
            raise errors.CommandFailed(
                f"the Db2 instance {self.instance.name} does not run, and parameter "
                "manage_instance is false: start it with db2start"
            )
        self.instance.start_instance()

    def _start_database(self) -> None:
        from xcat_hamn.database.db2 import configuration
        from xcat_hamn.database.db2.reintegration import Reintegration

        here = self.instance.configuration()
        restored = here.role == hadr.STANDARD and here.is_set(configuration.ROLLFORWARD_PENDING)
        if here.role not in (hadr.PRIMARY, hadr.STANDBY) and not restored:
            raise errors.NodeError(
                f"the database on {self.node} is no HADR database (role {here.role or 'unknown'}): "
                "make it one with `xcat-hamn setup database`"
            )
        following = Reintegration(
            self.instance, self.survey, self.call.deadline, self.call.log, self.node
        )
        try:
            if here.role == hadr.STANDBY:
                following.activate()
            elif restored or following.must_give_way():
                following.start_as_standby()
            else:
                self.marks.put(IDLE)
                return
        except errors.NodeError as problem:
            self.marks.put(DIVERGED, str(problem))
            raise
        self.marks.drop(IDLE)

    # -- stop ------------------------------------------------------------------------------

    def stop(self) -> None:
        """Deactivate the database cleanly, so that no peer window opens, then end the instance."""
        try:
            condition, _ = self.instance.look()
        except errors.MissingTool:
            condition = INSTANCE_DOWN  # without its programs there is no database either
        except errors.HamnError as problem:
            self.call.log.warning(str(problem))
            condition = hadr.ACTIVE
        whole = self.call.values.flag("manage_instance")
        if condition in (hadr.ACTIVE, hadr.NOT_HADR):
            try:
                self.instance.deactivate(self.call.deadline.sooner(self.call.deadline.left() / 2))
            except errors.HamnError as problem:
                if not whole:
                    raise
                self.call.log.warning(str(problem))
        if whole and condition != INSTANCE_DOWN:
            self.instance.stop_instance()
        self.survey.forget()
        self.marks.drop(IDLE, PROMOTED)
        self.publication.stopped(self.marks.text(DIVERGED))

    # -- promote and demote ----------------------------------------------------------------

    def promote(self) -> None:
        """Make this database the primary, if that loses nothing; the score says so beforehand."""
        self.roles().promote()

    def demote(self) -> None:
        """Leave no writable primary."""
        self.roles().demote()

    # -- the rest --------------------------------------------------------------------------

    def reload_agent(self) -> None:
        """Nothing is kept between calls: every monitor reads the parameters anew."""

    def problems(self) -> list[Exception]:
        """Return what this node lacks for the parameters given."""
        from xcat_hamn.database.db2.environment import problems

        return problems(self.instance, self.call.log)


AGENT = Agent(
    name="xcat-db2hadr",
    version=__version__,
    shortdesc="xCAT's Db2 database, replicated to the standby management node by HADR",
    longdesc=(
        "Runs one Db2 HADR database (9.7 to 12.1) as a promotable resource. A planned move loses "
        "nothing; a dead primary is taken over by force only with the proof that it died before "
        "its peer window ended. A standby that would lose committed data advertises promotion "
        "score -INFINITY, so that `pcs resource move` refuses, and says why in node attribute "
        "xcat-db-limit. A former primary comes back as a standby. STOP HADR and ROLLFORWARD are "
        "never run."
    ),
    parameters=PARAMETERS,
    actions=(
        Action("start", 300),
        Action("stop", 180),
        Action("promote", 240),
        Action("demote", 180),
        Action("monitor", 30, interval=5, role="Promoted"),
        Action("monitor", 30, interval=7, role="Unpromoted"),
        Action("reload-agent", 20),
    ),
    handlers=Db2Hadr,
)

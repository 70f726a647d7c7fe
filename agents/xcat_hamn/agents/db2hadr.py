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
from xcat_hamn.database.db2.marks import DIVERGED, HANGS, IDLE, PROMOTED, RECOVERS
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.declaration import Action, Agent
from xcat_hamn.system.backoff import Backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.agents.db2hadr_deep import Deep

#: Rows that a stopped former primary resolves by following the other one.
_GIVES_WAY = ("succeeded", "older claim")
#: OCF_CHECK_LEVEL of the monitor that asks by SQL.
_DEEP = 10
#: Part of a monitor's time that may go by before the rest of it.
_SHARE = 0.8


class _Swapping(errors.HamnError):
    """The host's name is being changed, for longer than a monitor may last."""


class Db2Hadr(Parts):
    """The actions of xcat-db2hadr."""

    # -- monitor ---------------------------------------------------------------------------

    def monitor(self) -> int:
        """Read the role with db2pd, publish it, and keep the promotion score true.

        At OCF_CHECK_LEVEL 10 a primary must also answer SQL, and a standby's instance a command:
        what db2pd reads is still there when nobody answers any more.
        """
        try:
            return self._monitor()
        except _Swapping:
            self.call.log.info("the host's name is still being changed: judged when that is over")
            return codes.RUNNING_PROMOTED if self.marks.has(PROMOTED) else codes.SUCCESS

    def _monitor(self) -> int:
        try:
            condition, found = self._look()
        except errors.MissingTool:
            if self.call.context.is_probe:
                return codes.NOT_RUNNING
            raise
        except _Swapping:
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

    def _look(self) -> tuple[str, hadr.Hadr | None]:
        """Look at the database; what stops it for a change of the host's name is waited for.

        Raises _Swapping when that takes longer than this monitor may.
        """
        try:
            seen = self.instance.look()
            if seen[1] is not None:
                return seen
        except (errors.CommandFailed, errors.CommandTimeout):
            if not self._outlasted_swap():
                raise
            return self.instance.look()
        return self.instance.look() if self._outlasted_swap() else seen

    def _outlasted_swap(self) -> bool:
        """Tell whether the host's name was being changed until now.  Raises _Swapping."""
        from xcat_hamn.database.db2 import swap

        name = self.instance.name
        if not swap.under_way(name):
            return False
        patience = self.call.deadline.sooner(self.call.deadline.left() * _SHARE)
        if not patience.holds(lambda: not swap.under_way(name), every=0.2):
            raise _Swapping(f"the host's name is being changed under instance {name}")
        return True

    def _absent(self, condition: str) -> errors.HamnError:
        name, instance = self.instance.database, self.instance.name
        if condition == hadr.NOT_HADR:
            return errors.CommandFailed(
                f"database {name} is active, and is no HADR database: make it one with `xcat-hamn "
                "setup database`"
            )
        what = f"instance {instance}" if condition == INSTANCE_DOWN else f"database {name}"
        from xcat_hamn.database.db2 import swap

        if swap.interrupted(instance):
            return errors.NotRunning(
                f"the Db2 {what} is not active, because a change of the host's name by "
                "xcat-mnidentity was broken off: the next start brings it up"
            )
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
                if self.call.context.check_level >= _DEEP:
                    self._deep().require_answer()
                return codes.SUCCESS
            raise errors.CommandFailed(
                f"db2pd says role {found.role or '(none)'}, which is not known: look at it on "
                f"{self.node}, and report it"
            )
        self.failures.note()
        if self.call.context.check_level >= _DEEP and not self._deep().answers():
            return self._monitor()
        degraded = not (found.attached and found.state == hadr.PEER)
        if self.peers and degraded and self.call.values.flag("report_degraded"):
            return codes.DEGRADED_PROMOTED
        return codes.RUNNING_PROMOTED

    def _deep(self) -> Deep:
        from xcat_hamn.agents.db2hadr_deep import Deep

        return Deep(self, self._look, self._outlasted_swap)

    def _end_hanging(self) -> None:
        """Kill an instance that a monitor found hanging: nothing orderly would ever end."""
        if self.marks.has(HANGS) and self.call.values.flag("manage_instance"):
            self.call.log.warning(f"the instance {self.instance.name} does not answer: killing it")
            self.instance.kill()
        self.marks.drop(HANGS)

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

    # -- start and stop --------------------------------------------------------------------

    def start(self) -> None:
        """Bring the database up in its role; a former primary as the standby of the new one."""
        from xcat_hamn.agents.db2hadr_start import Start

        self._settle_swap()
        self._require_member()
        self.marks.drop(DIVERGED, HANGS)
        failures = Backoff(f"{self.call.context.run_directory}/failed-starts")
        try:
            Start(self).start()
        except errors.CommandFailed:
            failures.failed(self.call.deadline)
            raise
        failures.succeeded()

    def _require_member(self) -> None:
        if self.node not in self.nodes:
            raise errors.NodeError(
                f"this node is {self.node}, which parameter nodes does not name: add "
                f"{self.node}=ADDRESS to it, or keep the resource away from this node"
            )

    def _settle_swap(self) -> None:
        """Let no change of the host's name work on the database at the same time."""
        from xcat_hamn.database.db2 import swap

        swap.settle(self.instance.name, self.call.deadline.sooner(self.call.deadline.left() / 3))

    def stop(self) -> None:
        """Deactivate the database cleanly, so that no peer window opens, then end the instance."""
        self._settle_swap()
        try:
            self._end_hanging()
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
        leads = self.marks.has(RECOVERS)
        self.marks.drop(IDLE, PROMOTED, RECOVERS)
        self.publication.stopped(self.marks.text(DIVERGED), leads=leads)

    # -- promote and demote ----------------------------------------------------------------

    def promote(self) -> None:
        """Make this database the primary, if that loses nothing; the score says so beforehand."""
        self.roles().promote()

    def demote(self) -> None:
        """Leave no writable primary.

        One whose monitor has failed is demoted to be recovered, and nobody asked for a move: it
        hands nothing over, so that the role stays here.
        """
        stays = self.failures.lately()
        if stays:
            self.call.log.info("demoted after a failed monitor: nothing is handed over")
            self.marks.put(RECOVERS)
        self._end_hanging()
        self.roles().demote(stays=stays)

    # -- the rest --------------------------------------------------------------------------

    def reload_agent(self) -> None:
        """Nothing is kept between calls: every monitor reads the parameters anew."""

    def problems(self) -> list[Exception]:
        """Return what this node lacks for the parameters given."""
        from xcat_hamn.database.db2.environment import problems
        from xcat_hamn.database.db2.introduction import INTRODUCTION

        try:
            told = self.attributes.shared_by_all(INTRODUCTION)
        except errors.CommandFailed as problem:
            told = {}
            self.call.log.warning(str(problem))
        others = {name: text for name, text in told.items() if name in self.peers}
        return problems(self.instance, self.call.log, self.node, others)


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
        Action("monitor", 60, interval=31, role="Promoted", depth=_DEEP),
        Action("monitor", 60, interval=37, role="Unpromoted", depth=_DEEP),
        Action("reload-agent", 20),
    ),
    handlers=Db2Hadr,
)

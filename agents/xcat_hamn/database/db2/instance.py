"""The door to a Db2 instance: its commands, as its owner, each with a deadline.

db2profile is a shell script, so what it sets is set here: the instance's owner, home and paths.
Messages are English in the C locale, which the Runner sees to.

A call of ``db2`` leaves a back-end process behind that belongs to the calling process and holds
what it holds (SQL1495W); ``db2 terminate`` of the same process ends it, so that comes after each.
"""

from __future__ import annotations

import time

from xcat_hamn.database.db2 import hadr, messages, nodes
from xcat_hamn.errors import CommandFailed, HamnError, MissingTool
from xcat_hamn.system.runner import PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.database.db2.configuration import Configuration
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Result, Runner

#: What ``look`` found besides hadr.ACTIVE, hadr.NOT_ACTIVATED and hadr.NOT_HADR.
INSTANCE_DOWN = "instance down"

#: Seconds for which db2pd is waited for, and is asked again while the structures change.
_LOOK_SECONDS, _BUSY_SECONDS = 15.0, 5.0
_QUICK = 20.0
#: DEACTIVATE: it was not active, or applications are still connected (which the caller sees).
_DEACTIVATED = ("SQL1492N", "SQL1496W", "SQL1491N", "SQL1495W", "SQL1497W")
_ALREADY_STARTED, _ALREADY_STOPPED = "SQL1026N", "SQL1032N"
#: db2start, when db2nodes.cfg names a host that is not this one.
_WRONG_HOST = ("SQL6031N", "SQL6048N", "SQL1042C")


class CommandRefused(CommandFailed):
    """Db2 refused a command; ``code`` and ``reason`` are its message's, empty without one."""

    def __init__(self, sentence: str, code: str = "", reason: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.reason = reason


class Instance:
    """One database of an instance, on the node whose commands ``runner`` runs.

    ``home`` of the instance's owner is asked of this node's users where it is not given.
    """

    def __init__(
        self,
        runner: Runner,
        deadline: Deadline,
        log: Log,
        instance: str,
        database: str,
        home: str = "",
    ) -> None:
        self._home = home
        self._runner = runner
        self._deadline = deadline
        self._log = log
        self.name = instance
        self.database = database

    @property
    def home(self) -> str:
        """Return the home of the instance's owner.  Raises MissingTool."""
        if self._home:
            return self._home
        import pwd

        try:
            return pwd.getpwnam(self.name).pw_dir
        except KeyError:
            raise MissingTool(
                f'there is no user "{self.name}", who would own the Db2 instance, on this node: '
                "create the instance with db2icrt, or correct parameter instance"
            ) from None

    def program(self, name: str) -> str:
        """Return the path of one of the instance's programs, whether it is there or not."""
        folder = "adm" if name in ("db2start", "db2stop") else "bin"
        return f"{self.home}/sqllib/{folder}/{name}"

    def environment(self) -> dict[str, str]:
        """Return what db2profile would set.

        It names directories of the owner, so nothing that runs as root may see it.
        """
        home = self.home
        library = f"{home}/sqllib/lib64:{home}/sqllib/lib"
        return {
            "DB2INSTANCE": self.name,
            "INSTHOME": home,
            "PATH": f"{home}/sqllib/bin:{home}/sqllib/adm:{home}/sqllib/misc:{PATH}",
            "LD_LIBRARY_PATH": library,
            "LIBPATH": library,  # AIX
        }

    def run(self, argv: Sequence[str], timeout: float, told: str = "") -> Result:
        """Run a program as the instance's owner, in the instance's environment.

        ``told``: what it reads on standard input.
        """
        own = self.environment()
        return self._runner.run(argv, timeout=timeout, user=self.name, user_env=own, input=told)

    # -- looking ---------------------------------------------------------------------------

    def look(self) -> tuple[str, hadr.Hadr | None]:
        """Return INSTANCE_DOWN or what ``hadr.read_db2pd`` says, with what stands for it if active.

        By db2pd alone, which needs no connection and works in the middle of a takeover.  Raises
        CommandFailed for what cannot be read, CommandTimeout when it hangs, MissingTool.
        """
        patience = self._deadline.sooner(_BUSY_SECONDS)
        argv = [self.program("db2pd"), "-db", self.database, "-hadr"]
        while True:
            said = self.run(argv, _LOOK_SECONDS)
            try:
                condition, found = hadr.read_db2pd(said.stdout or said.stderr, self.database)
                return condition, hadr.standing(found) if found else None
            except hadr.InstanceDown:
                return INSTANCE_DOWN, None
            except hadr.Busy:
                if patience.left() <= 0:
                    raise
                time.sleep(0.2)

    def role(self) -> str:
        """Return the role of the database, also while it is not active.  Raises CommandFailed."""
        return self.configuration().role

    def configuration(self) -> Configuration:
        """Return the database's configuration.  Raises CommandFailed."""
        from xcat_hamn.database.db2.configuration import parse_db_cfg

        return parse_db_cfg(self.db2(f"GET DB CFG FOR {self.database}", _QUICK))

    # -- commands --------------------------------------------------------------------------

    def db2(self, command: str, timeout: float, accept: Sequence[str] = ()) -> str:
        """Run one command of the command line processor and return what it printed.

        Warnings and the codes in ``accept`` are no failures.  Raises CommandRefused,
        CommandTimeout, MissingTool.
        """
        program = self.program("db2")
        try:
            done = self.run([program, *command.split()], timeout)
        finally:
            self.terminate(program)
        found = messages.parse_messages(done.stdout or done.stderr)
        problem = messages.failure(found)
        if not messages.failed(done.returncode) and problem is None:
            return done.stdout
        if problem is not None and problem.code in accept:
            return done.stdout
        said = str(problem) if problem else done.last_line()
        raise CommandRefused(
            f"Db2 refused `{command}`: {said}"[:400] + ": see db2diag.log of the instance",
            problem.code if problem else "",
            problem.reason if problem else "",
        )

    def terminate(self, program: str) -> None:
        """End the back-end that ``program`` (db2) left behind for this process."""
        try:
            self.run([program, "terminate"], 10)
        except HamnError as problem:
            self._log.warning(f"the back-end of db2 was not ended: {problem}")

    # -- the instance ----------------------------------------------------------------------

    def start_instance(self) -> None:
        """Start the instance; one that runs is fine.  Raises CommandFailed."""
        done = self.run([self.program("db2start")], self._deadline.left())
        found = messages.parse_messages(done.stdout or done.stderr)
        if messages.find(found, "SQL1063N") or messages.find(found, _ALREADY_STARTED):
            return
        said = messages.failure(found)
        if said is not None and said.code in _WRONG_HOST and not nodes.names_this_host(self.home):
            # What a host leaves behind that lost its power while it bore another name.
            self._log.warning(f"db2nodes.cfg has another host's name ({said}): it gets this one's")
            self.start_here()
            return
        raise CommandRefused(
            f"the Db2 instance {self.name} did not start: {said or done.last_line()}: see "
            "db2diag.log of the instance",
            said.code if said else "",
            said.reason if said else "",
        )

    def start_here(self) -> None:
        """Write this host's name of now into db2nodes.cfg and start the instance.

        Raises CommandFailed.
        """
        argv = [self.program("db2gcf"), "-u", "-p", "0", "-i", self.name]
        done = self.run(argv, self._deadline.left())
        if not done.ok:
            said = messages.failure(messages.parse_messages(done.stdout or done.stderr))
            raise CommandFailed(
                f"the Db2 instance {self.name} did not start under the host's name of now: "
                f"{said or done.last_line()}: see db2diag.log of the instance"
            )

    def stop_instance(self) -> None:
        """Stop the instance: orderly, then by cutting applications off, then by killing it.

        Raises CommandFailed when it still runs then.
        """
        share = self._deadline.left() / 3
        for argv in (
            [self.program("db2stop")],
            [self.program("db2stop"), "force"],
            [self.program("db2_kill")],
        ):
            try:
                said = self.run(argv, max(share, 1.0))
                found = messages.parse_messages(said.stdout or said.stderr)
                why = str(messages.failure(found) or said.last_line())
            except HamnError as problem:
                why = str(problem)
            if self.look()[0] == INSTANCE_DOWN:
                return
            self._log.warning(f"the Db2 instance still runs after {' '.join(argv)}: {why}")
        raise CommandFailed(
            f"the Db2 instance {self.name} did not stop, not even by db2_kill: see db2diag.log"
        )

    def kill(self) -> None:
        """Kill an instance that does not answer: to its partner that is a crash.

        Raises CommandFailed when it still runs then.
        """
        said = self.run([self.program("db2_kill")], self._deadline.left())
        if self.look()[0] != INSTANCE_DOWN:
            raise CommandFailed(
                f"the Db2 instance {self.name} does not answer, and db2_kill did not end it "
                f"({said.last_line()}): see db2diag.log"
            )

    # -- the database ----------------------------------------------------------------------

    def activate(self) -> None:
        """Activate the database in its role.  Raises CommandRefused."""
        self.db2(f"ACTIVATE DATABASE {self.database}", self._deadline.left())

    def start_as_standby(self) -> None:
        """Make it a standby, also of an inactive primary; success proves no connection yet."""
        self.db2(f"START HADR ON DATABASE {self.database} AS STANDBY", self._deadline.left())

    def start_as_primary_alone(self) -> None:
        """Start a primary without waiting for a standby: only when nobody else can be one."""
        command = f"START HADR ON DATABASE {self.database} AS PRIMARY BY FORCE"
        self.db2(command, self._deadline.left())

    def deactivate(self, deadline: Deadline) -> None:
        """End the database's activity cleanly, which keeps its role and opens no peer window.

        Applications that hold it active are forced off.  Raises CommandFailed when it is still
        active at ``deadline``.
        """
        while True:
            self.db2(f"DEACTIVATE DATABASE {self.database}", deadline.left(), _DEACTIVATED)
            if self.look()[0] != hadr.ACTIVE:
                return
            if deadline.left() <= 0:
                raise CommandFailed(
                    f"database {self.database} is still active after DEACTIVATE: see which "
                    "applications hold it with `db2 list applications`"
                )
            self._log.info("applications hold the database active: they are forced off")
            self.db2("FORCE APPLICATION ALL", _QUICK)
            time.sleep(0.2)

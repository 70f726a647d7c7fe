"""SQL against a database of an instance: through ibm_db where it is, else through ``db2``.

Either way as the instance's owner on this node, whom Db2 knows without a password.  ibm_db runs in
a process of its own (``driver``), because a connection belongs to the user of its process, and
because a driver that hangs can then be killed.  What ``db2`` says decides: an ibm_db that does not
reach the database (its bundled client knows no local instance) is only a slower way to it.
"""

from __future__ import annotations

import os
import sys

from xcat_hamn.database.db2 import messages
from xcat_hamn.database.db2.instance import CommandRefused
from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: What can be read wherever SQL works at all, and changes nothing.
READ = "SELECT ibmreqd FROM sysibm.sysdummy1"
#: A table of our own, for the time of one proof, and what may be said when it is not there.
_CREATE = "CREATE TABLE xcat_hamn_verify (n INTEGER)"
_INSERT = "INSERT INTO xcat_hamn_verify VALUES (1)"
_SELECT = "SELECT n FROM xcat_hamn_verify"
_DROP = "DROP TABLE xcat_hamn_verify"
_NO_TABLE = "SQL0204N"
#: How ``driver`` ends when ibm_db cannot be used here.
_UNUSABLE = 3

VIA_IBM_DB, VIA_DB2 = "ibm_db", "db2"


class Sql:
    """Statements for one database of an instance; ``via`` tells how the last ones went there."""

    def __init__(self, instance: Instance, deadline: Deadline, log: Log) -> None:
        self._instance = instance
        self._deadline = deadline
        self._log = log
        self.via = ""

    def read(self) -> None:
        """Read something.  Raises CommandRefused, CommandTimeout, MissingTool."""
        self.run([READ])

    def write(self) -> None:
        """Write, commit, read back and take away a table of our own; nothing of it is left.

        Raises as ``read`` does.
        """
        self.run([_DROP], accept=(_NO_TABLE,))  # of a proof that was broken off
        try:
            found = self.run([_CREATE, _INSERT, _SELECT])
            if found.split() != ["1"]:
                raise CommandRefused(
                    f"what was written to {self._instance.database} does not come back: look at "
                    "db2diag.log of the instance"
                )
        finally:
            self.run([_DROP], accept=(_NO_TABLE,))

    def run(self, statements: Sequence[str], accept: Sequence[str] = ()) -> str:
        """Run ``statements`` over one connection, each committed; return the last one's rows.

        Codes in ``accept`` are no failures.  Raises CommandRefused, CommandTimeout, MissingTool.
        """
        if self._has_driver():
            try:
                found = self._through_driver(statements, accept)
                self.via = VIA_IBM_DB
                return found
            except HamnError as problem:
                self._log.info(f"ibm_db did not do it, so db2 is asked: {problem}")
        self.via = VIA_DB2
        return self._through_db2(statements, accept)

    # -- ibm_db ----------------------------------------------------------------------------

    @staticmethod
    def _has_driver() -> bool:
        from xcat_hamn.system.library import is_installed

        return is_installed("ibm_db")

    def _through_driver(self, statements: Sequence[str], accept: Sequence[str]) -> str:
        import json

        program = os.path.join(os.path.dirname(__file__), "driver.py")
        asked = {
            "database": self._instance.database,
            "statements": list(statements),
            "accept": list(accept),
        }
        argv = [sys.executable or "/usr/bin/python3", "-I", program]
        done = self._instance.run(argv, self._deadline.left() / 2, json.dumps(asked))
        if done.returncode == 0:
            return done.stdout
        if done.returncode == _UNUSABLE:
            raise HamnError(f"it cannot be used here ({done.last_line()}): reinstall it")
        raise _refusal(statements, done.stdout + done.stderr)

    # -- the command line ------------------------------------------------------------------

    def _through_db2(self, statements: Sequence[str], accept: Sequence[str]) -> str:
        """Connect, run, and end the back-end that holds the connection for this process."""
        program = self._instance.program("db2")
        found = ""
        try:
            self._call([program, "CONNECT", "TO", self._instance.database], ())
            for statement in statements:
                found = self._call([program, "-x", statement], accept)
        finally:
            self._instance.terminate(program)
        return found

    def _call(self, argv: Sequence[str], accept: Sequence[str]) -> str:
        done = self._instance.run(argv, self._deadline.left())
        if not messages.failed(done.returncode):
            return done.stdout
        problem = messages.failure(messages.parse_messages(done.stdout or done.stderr))
        if problem is not None and problem.code in accept:
            return ""
        raise _refusal(argv[-1:], done.stdout or done.stderr)


def _refusal(statements: Sequence[str], said: str) -> CommandRefused:
    problem = messages.failure(messages.parse_messages(said))
    last = (said.strip().splitlines() or ["it printed nothing"])[-1].strip()
    return CommandRefused(
        f"SQL does not work ({'; '.join(statements)}): {problem or last}"[:400]
        + ": see db2diag.log of the instance",
        problem.code if problem else "",
        problem.reason if problem else "",
    )

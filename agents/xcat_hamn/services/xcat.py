"""xCAT as this agent uses it: its commands, and its tables asked of xcatd itself."""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed, CommandTimeout
from xcat_hamn.system.runner import find_executable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Result, Runner

#: Exit codes that every xCAT client command shares (tried on xCAT 2.19.0).
_MEANINGS = {
    111: "xcatd does not listen: start it first",
    104: "xcatd broke the TLS connection off: check that /etc/xcat/cert/server-cred.pem is there",
    255: "the certificates do not fit together: copy /etc/xcat/ca, /etc/xcat/cert and ~/.xcat "
    "from the other management node",
}


def advice(result: Result) -> str:
    """Return what to do about a failed xCAT command."""
    if "Permission denied for request" in result.stdout + result.stderr:
        return "xcatd cannot read its policy table, so check the database and ~root/.xcat"
    return _MEANINGS.get(result.returncode, "see /var/log/xcat/cluster.log")


#: Seconds that a client gets to have its command aborted by xcatd.
_TO_ABORT = 0.5
_SIGKILL = 9
#: Exit code of timeout(1) when it had to end the command.
_TIMED_OUT = 124


class Xcat:
    """xCAT on this node.

    Every call ends by the service's deadline: a client of a hung xcatd waits for ever (tried).
    """

    __slots__ = ("_address", "_deadline", "_runner")

    def __init__(self, runner: Runner, address: str, deadline: Deadline) -> None:
        self._runner = runner
        self._address = address
        self._deadline = deadline

    def command(self, *argv: str) -> Result:
        """Run an xCAT command; its exit code 0 is no proof that a daemon runs (makedhcp -n).

        At the end of its time the command gets SIGTERM first: xCAT's client then tells xcatd to
        abort.  After a SIGKILL xcatd would go on, and start a daemon after our stop.
        Raises CommandFailed, CommandTimeout, MissingTool.
        """
        left = self._deadline.left()
        polite = max(0.1, left - 2 * _TO_ABORT)
        limits = [f"--kill-after={_TO_ABORT}", f"{polite:.3f}"]
        result = self._runner.run(
            ["timeout", *limits, find_executable(argv[0]), *argv[1:]], timeout=left
        )
        if result.returncode in (_TIMED_OUT, -_SIGKILL, 128 + _SIGKILL):
            raise CommandTimeout(
                f"{' '.join(argv)} had not ended after {result.duration:.0f} s and was aborted: "
                "look at why xcatd hangs, or raise the time budget"
            )
        if not result.ok:
            raise CommandFailed(
                f"{' '.join(argv)} ended with {result.returncode} ({result.last_line()}): "
                f"{advice(result)}"
            )
        return result

    def ask(self, command: str, arguments: Sequence[str] = ()) -> list[str]:
        """Send a request to xcatd over TLS, as xCAT's clients do; return its lines of data."""
        from xcat_hamn.services.xcatd_request import request

        return request(self._address, command, arguments, self._deadline)

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the rows of table ``name``, asked of xcatd."""
        from xcat_hamn.services.xcat_table import rows

        return rows(self.ask("tabdump", [name]))

    def site(self) -> dict[str, str]:
        """Return the site table as key: value."""
        return {row.get("key", ""): row.get("value", "") for row in self.table("site")}

"""xCAT as this agent uses it: its commands, and its tables asked of xcatd itself."""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed

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

        Raises CommandFailed, CommandTimeout, MissingTool.
        """
        result = self._runner.run(argv, timeout=self._deadline.left())
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

"""What a service acts through; unit tests put stand-ins in their place."""

from __future__ import annotations

from xcat_hamn.services.processes import Processes
from xcat_hamn.services.systemd import Systemd
from xcat_hamn.services.xcat import Xcat
from xcat_hamn.system.files import read_pairs, remove, write_pairs
from xcat_hamn.system.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.ocf.call import Call
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline


class Ports:
    """The ports of one service, all bounded by that service's own deadline.

    ``address`` is where clients ask (empty: this node itself), ``cfgloc`` xCAT's file that names
    the database, ``directory`` the instance's directory that a reboot empties.
    """

    def __init__(self, call: Call, deadline: Deadline) -> None:
        self.address = call.values.text("address")
        self.cfgloc = call.values.text("cfgloc")
        self.deadline = deadline
        self.directory = call.context.run_directory
        self.log: Log = call.log
        self.processes = Processes()
        self.runner = Runner(deadline, call.log)
        self.systemd = Systemd(self.runner)
        self.xcat = Xcat(self.runner, self.address or "127.0.0.1", deadline)

    def _facts_file(self, service: str) -> str:
        return f"{self.directory}/facts.{service}"

    def remember(self, service: str, facts: dict[str, str]) -> None:
        """Keep what a start learned, so that a monitor need not ask xcatd for it."""
        write_pairs(self._facts_file(service), facts)

    def forget(self, service: str) -> None:
        """Drop what ``remember`` kept."""
        remove(self._facts_file(service))

    def facts(self, service: str) -> dict[str, str]:
        """Return what ``remember`` kept; empty when this instance was not started here."""
        return read_pairs(self._facts_file(service)) or {}

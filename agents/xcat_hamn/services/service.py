"""What every service of a management node can do, and the states it can be in."""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed, CommandTimeout, DeadlineExceeded, HamnError, MissingTool
from xcat_hamn.services.units import UNITS, installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.services.ports import Ports

STOPPED = "stopped"
HEALTHY = "healthy"
BROKEN = "broken"

_SIGTERM = 15
_SIGKILL = 9
_SIGCONT = 18
#: Seconds that a daemon may outlive the stop of its unit, and then the signal to end.
_LINGER = 1.0
_LEFTOVER_GRACE = 5.0
#: Seconds that a daemon may take to appear when its unit says that it is up.
_APPEARS = 3.0
#: Part of a stop's time that a daemon gets to end by itself.
_GRACE = 2 / 3


class State:
    """What a service was found to be; ``reason`` is a sentence when it is not healthy."""

    __slots__ = ("reason", "word")

    def __init__(self, word: str, reason: str = "") -> None:
        self.word = word
        self.reason = reason


class Service:
    """One service.  Every method raises a HamnError whose sentence need not name the service.

    A start is ``regenerate`` (xCAT writes the configuration from its database), ``start`` and
    ``prove``; the three are apart so that a start can leave the first out.
    """

    name = ""
    #: Programs without which this service cannot be managed.
    tools: tuple[str, ...] = ()

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._names, self.daemons = UNITS[self.name]

    @property
    def units(self) -> list[str]:
        """Return the units of this service that are installed here, the one to start first."""
        return installed(self._names)

    def unit(self) -> str:
        """Return the unit to start.  Raises MissingTool."""
        units = self.units
        if not units:
            raise MissingTool(
                f"no unit for it is installed (looked for {', '.join(self._names)}): install the "
                "package that provides one"
            )
        return units[0]

    def needs_regeneration(self) -> bool:
        """Tell whether the configuration that is here may be older than xCAT's database.

        Always, until fingerprints of the inputs exist; then a start serves first from what is
        here, and the time of a takeover no longer grows with the number of nodes.
        """
        return True

    def regenerate(self) -> None:
        """Let xCAT write this service's configuration."""

    def start(self) -> None:
        """Make the daemon run, with the configuration and the host name of now."""
        if not self.running():
            self.launch()

    def launch(self) -> None:
        """Start the unit, and look whether its daemon is there: an init script may just say so."""
        unit = self.unit()
        self.ports.systemd.restart(unit, self.ports.deadline.left())
        if not self.ports.deadline.sooner(_APPEARS).holds(self.running):
            raise CommandFailed(
                f"systemctl restart {unit} ended with 0, but no process of the daemon is there: "
                f"look at journalctl -u {unit}"
            )

    def prove(self) -> None:
        """Ask what a client would ask; return when the answer is right."""

    def running(self) -> bool:
        """Tell whether a process of this service's daemon is there."""
        return bool(self.ports.processes.of(self._names, self.daemons))

    def state(self, *, deep: bool) -> State:
        """Return the state: processes, and the cheapest real question; all of it if ``deep``."""
        found = self.ports.processes.of(self._names, self.daemons)
        if not found:
            return State(STOPPED, "its daemon is not running")
        if any(process.suspended for process in found):
            return State(BROKEN, "its daemon is suspended by a signal: resume or restart it")
        try:
            self.check()
            if deep:
                self.examine()
        except HamnError as problem:
            return State(BROKEN, str(problem))
        return State(HEALTHY)

    def examine(self) -> None:
        """Ask all that an administrator's work in progress cannot make fail."""
        self.prove()

    def is_changing(self) -> bool:
        """Tell whether somebody restarts the daemon right now, as xCAT's tools do."""
        return any(self.ports.systemd.is_changing(unit) for unit in self.units)

    def check(self) -> None:
        """Ask the cheapest question that a broken daemon would not answer."""

    def stop(self) -> None:
        """Return when no process of this service is left; kill what does not end by itself."""
        ports, units = self.ports, self.units
        running = ports.processes.anywhere(self.daemons)
        # A suspended process acts on no signal but this one, and an init script waits for it.
        ports.processes.signal([one for one in running if one.suspended], _SIGCONT)
        grace = ports.deadline.left() * _GRACE
        try:
            ports.systemd.stop(units, grace)
        except CommandTimeout:
            ports.log.warning(f"{self.name}: not stopped after {grace:.0f} s, so it is killed")
            ports.systemd.kill(units, ports.deadline.left())
        self._end_leftovers()
        ports.forget(self.name)

    def _end_leftovers(self) -> None:
        """End daemons that outlive the stop of their unit, as xcatd after ``restartxcatd`` does.

        Debian's init script of dhcpd returns a moment before dhcpd has ended, hence the first wait.
        """
        ports = self.ports
        if self._is_gone_within(_LINGER):
            return
        for number, patience in ((_SIGTERM, _LEFTOVER_GRACE), (_SIGKILL, ports.deadline.total)):
            left = ports.processes.anywhere(self.daemons)
            shown = ", ".join(f"{process.name} ({process.pid})" for process in left)
            ports.log.warning(f"{self.name}: outlived its unit, so signal {number} goes to {shown}")
            ports.processes.signal(left, number)
            if self._is_gone_within(patience):
                return
        raise DeadlineExceeded(
            f"a process of its daemon is left after SIGKILL ({shown}): it hangs in the kernel, "
            "probably on storage, and only a reboot of this node ends it"
        )

    def _is_gone_within(self, seconds: float) -> bool:
        return self.ports.deadline.sooner(seconds).holds(
            lambda: not self.ports.processes.anywhere(self.daemons)
        )

    def problems(self) -> list[Exception]:
        """Return what this node lacks for this service; changes nothing."""
        found: list[Exception] = []
        if self._names:
            try:
                self.unit()
            except MissingTool as problem:
                found.append(problem)
        return found

    def warnings(self) -> list[str]:
        """Return what will work, but should not stay as it is."""
        return [
            f"unit {unit} starts at boot, before Pacemaker has a say, so a rebooted node would "
            f"serve with old data: run `systemctl disable {unit}`"
            for unit in self.units
            if self.ports.systemd.starts_at_boot(unit)
        ]

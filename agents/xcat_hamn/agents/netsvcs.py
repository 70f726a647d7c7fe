"""xcat-netsvcs: xcatd, DNS, DHCP, consoles and OS deployment of the management node."""

from __future__ import annotations

import time

from xcat_hamn import __version__
from xcat_hamn.errors import HamnError, NotRunning
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.call import Handlers
from xcat_hamn.ocf.declaration import SECONDS, STRING, Action, Agent, Parameter
from xcat_hamn.services import NAMES, make
from xcat_hamn.services.ports import Ports
from xcat_hamn.services.service import BROKEN, HEALTHY, STOPPED, Service, State
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xcat_hamn.services.systemd import Systemd

#: How long a monitor bears with a daemon that somebody stopped on purpose; makedns -n with 1000
#: nodes keeps named down for a good part of its 7 s.
_RESTART_SECONDS = 15.0
#: How long a start waits for an xcatd that has just died: a little longer than the interval of
#: xcatd's own monitor, which has it restarted.
_XCATD_SECONDS = 12.0


def summary(states: Mapping[str, State]) -> State:
    """Return what the instance is, from what each of its services is.

    | services                  | instance |
    |---------------------------|----------|
    | all healthy               | healthy  |
    | all stopped               | stopped  |
    | any broken                | broken   |
    | some healthy, some stopped| broken   |
    """
    words = {state.word for state in states.values()}
    if words == {HEALTHY}:
        return State(HEALTHY)
    sentence = "; ".join(
        f"{name}: {state.reason}" for name, state in states.items() if state.word != HEALTHY
    )
    return State(STOPPED if words == {STOPPED} else BROKEN, sentence)


def xcatd_listens() -> bool:
    """Tell whether xcatd takes requests on this node."""
    from xcat_hamn.services.xcatd import PORTS, accepts

    return accepts(PORTS[0], timeout=1.0)


def _bring_up(service: Service) -> None:
    began = time.monotonic()
    if service.needs_regeneration():
        service.regenerate()
    regenerated = time.monotonic()
    service.start()
    service.prove()
    ended = time.monotonic()
    service.ports.log.info(
        f"{service.name}: serves after {ended - began:.1f} s "
        f"({regenerated - began:.1f} s of them for its configuration)"
    )


class Netsvcs(Handlers):
    """The actions of the agent."""

    def _services(self) -> list[Service]:
        """Return the services of this instance, each with its own time budget."""
        call, named = self.call, self.call.values.words("services")
        return [
            make(name, Ports(call, call.deadline.sooner(call.values.seconds(f"{name}_budget"))))
            for name in NAMES
            if name in named
        ]

    @property
    def _mark(self) -> str:
        return f"{self.call.context.run_directory}/started"

    def _summary(self, services: list[Service], *, deep: bool) -> State:
        return summary({service.name: service.state(deep=deep) for service in services})

    def _bear_with(self, services: list[Service], found: State, *, deep: bool) -> State:
        """Wait for what an administrator's makedns, makedhcp or makeconservercf restarts.

        They stop the daemon, write, and start it again; a failure seen in between would have
        Pacemaker restart everything.  A daemon that has died is not waited for.
        """
        last = [found]

        def changing() -> bool:
            return any(service.is_changing() for service in services)

        def settled() -> bool:
            # Asked before and after, for a restart may begin or end while the state is looked at.
            before = changing()
            last[0] = self._summary(services, deep=deep)
            return last[0].word == HEALTHY or not (before or changing())

        left = self.call.deadline.left()
        self.call.deadline.sooner(min(_RESTART_SECONDS, left * 0.8)).holds(settled, every=0.2)
        return last[0]

    def _systemd(self) -> Systemd:
        from xcat_hamn.services.systemd import Systemd

        return Systemd(self.call.runner)

    def start(self) -> None:
        """Bring all services up in parallel; what is up when another fails is left to stop."""
        from xcat_hamn.services.together import each, together_failed

        services = self._services()
        if read_text(self._mark) and self._summary(services, deep=True).word == HEALTHY:
            return
        self._await_xcatd(services)
        self._systemd().adopt([unit for service in services for unit in service.units])
        failures = each(services, _bring_up, self.call.deadline)
        if failures:
            raise together_failed(failures)
        write_text(self._mark, self.call.values.text("services") + "\n")

    def _await_xcatd(self, services: list[Service]) -> None:
        """Bear with an xcatd that has died and whose own monitor has not seen it yet.

        Everything else asks it.  Failing at once is tried again at once: three times in a second,
        and then not for ten minutes (seen when all services were killed together).
        """
        if all(service.name != "xcatd" for service in services):
            patience = self.call.deadline.sooner(min(_XCATD_SECONDS, self.call.deadline.left() / 2))
            patience.holds(xcatd_listens, every=0.5)

    def stop(self) -> None:
        """Stop all services in parallel, started here or not, until nothing of them is left."""
        from xcat_hamn.services.together import each, together_failed

        services = self._services()
        remove(self._mark)
        failures = each(services, lambda service: service.stop(), self.call.deadline)
        if failures:
            raise together_failed(failures)
        self._systemd().release([unit for service in services for unit in service.units])

    def monitor(self) -> int:
        """Tell whether all services are healthy; OCF_CHECK_LEVEL 10 asks all that start asks."""
        context, services = self.call.context, self._services()
        deep = context.check_level >= 10 and not context.is_probe
        found = self._summary(services, deep=deep)
        if found.word != HEALTHY and not context.is_probe and read_text(self._mark):
            found = self._bear_with(services, found, deep=deep)
        if found.word == BROKEN:
            raise HamnError(found.reason)
        if found.word == HEALTHY:
            return codes.SUCCESS
        if read_text(self._mark) and not context.is_probe:
            # It was started and nobody stopped it, so a person wants to read what is missing.
            raise NotRunning(found.reason)
        return codes.NOT_RUNNING

    def reload_agent(self) -> None:
        """Do nothing: every call reads the time budgets, the only reloadable parameters."""

    def problems(self) -> list[Exception]:
        """Return what this node lacks; log what should not stay as it is."""
        from xcat_hamn.system.runner import find_executable

        found: list[Exception] = []
        for service in self._services():
            for tool in ("systemctl", *service.tools):
                try:
                    find_executable(tool)
                except HamnError as problem:
                    found.append(type(problem)(f"{service.name}: {problem}"))
            found += [type(problem)(f"{service.name}: {problem}") for problem in service.problems()]
            for warning in service.warnings():
                self.call.log.warning(f"{service.name}: {warning}")
        return found


def _wrong_address(text: str) -> str | None:
    import _socket

    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, text)
        except OSError:
            continue
        return None
    return f'parameter address is "{text}", which is no IP address: give one without prefix length'


def _budget(service: str, default: str, what: str) -> Parameter:
    return Parameter(
        f"{service}_budget",
        SECONDS,
        f"time budget of {service}",
        f"Longest time that a start or a stop may spend on {service} ({what}). Its services start "
        "and stop in parallel, and none goes on beyond the operation's own timeout, which must "
        "therefore be longer than the longest budget.",
        default=default,
        reloadable=True,
    )


AGENT = Agent(
    name="xcat-netsvcs",
    version=__version__,
    shortdesc="xcatd, DNS, DHCP, consoles and OS deployment of an xCAT management node",
    longdesc=(
        "Starts the services of an xCAT management node on the node that has its addresses: lets "
        "xCAT write the configuration (makedns, makedhcp, makeconservercf, nodeset enact), starts "
        "the daemon, and proves it by a real question: a table read from xcatd over TLS, a DNS "
        "lookup, a DHCPINFORM, the list of consoles. xcatd starts only on a database that is "
        "proven to take writes. The services of one instance start and stop in parallel. While it "
        "is started, systemd does not restart its services on its own."
    ),
    parameters=[
        Parameter(
            "services",
            STRING,
            "services of this instance",
            "Space-separated list of the services that this instance runs, among xcatd, dns, dhcp, "
            "console and osdeploy. A service belongs to one instance only.",
            required=True,
            choices=NAMES,
        ),
        Parameter(
            "address",
            STRING,
            "service address that clients ask",
            "IPv4 or IPv6 address at which the services are asked when they are proven; this "
            "node itself when empty. DHCP can be proven by a question only from an IPv4 address.",
            check=_wrong_address,
        ),
        Parameter(
            "cfgloc",
            STRING,
            "xCAT's database location file",
            "File in which xCAT names its database. Where there is none, xCAT uses SQLite.",
            default="/etc/xcat/cfgloc",
        ),
        _budget("xcatd", "120s", "its start with 1000 nodes on SQLite took 8 s"),
        _budget("dns", "120s", "makedns -n with 1000 nodes took 7 s"),
        _budget("dhcp", "120s", "makedhcp -n and -a with 1000 nodes took 9 s"),
        _budget("console", "60s", "makeconservercf with 1000 nodes took 1 s"),
        _budget("osdeploy", "160s", "nodeset with 1000 nodes took 13 s"),
    ],
    actions=[
        Action("start", 180),
        Action("stop", 120),
        Action("monitor", 30, interval=10),
        Action("monitor", 60, interval=61, depth=10),
        Action("reload-agent", 20),
    ],
    handlers=Netsvcs,
)

"""ocf:heartbeat:xcat-mnidentity: service addresses and host name of the management node."""

from __future__ import annotations

import os

from xcat_hamn import __version__
from xcat_hamn.cluster.vocabulary import MANAGEMENT_NODE
from xcat_hamn.errors import HamnError
from xcat_hamn.identity import judgment
from xcat_hamn.identity.addresses import parse, problem_with_addresses
from xcat_hamn.identity.linux import LinuxNetwork
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.call import Call, Handlers
from xcat_hamn.ocf.declaration import BOOLEAN, INTEGER, STRING, Action, Agent, Parameter
from xcat_hamn.system.backoff import Backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.identity.changes import Identity
    from xcat_hamn.identity.hostname import DatabaseHooks
    from xcat_hamn.identity.record import Record

_MOST_ANNOUNCEMENTS = 60
#: Seconds of the longest pause after a start that failed again: Pacemaker starts anew at once, and
#: the log filled five times a second while a cable was out.
_LONGEST_PAUSE = 4.0


def _problem_with_count(text: str) -> str | None:
    if 0 <= int(text) <= _MOST_ANNOUNCEMENTS:
        return None
    return (
        f"parameter announcements is {text}: use a number from 0 (tell nobody) to "
        f"{_MOST_ANNOUNCEMENTS}"
    )


def _problem_with_hostname(text: str) -> str | None:
    # Imported only where a host name is given: a tenth of a millisecond of every other monitor.
    from xcat_hamn.identity.hostname import problem_with_hostname

    return problem_with_hostname(text)


def _problem_with_db2(name: str) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        from xcat_hamn.agents.checks import identifier

        return identifier(name)(text)

    return check


class MnIdentity(Handlers):
    """What each action of xcat-mnidentity does."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.network = LinuxNetwork(call.runner)
        self.wanted = parse(call.values.text("addresses"))
        self.name = call.values.text("hostname")

    def _record(self) -> Record:
        from xcat_hamn.identity.record import Record

        return Record(self.call.context.run_directory)

    def _identity(self) -> Identity:
        from xcat_hamn.identity.changes import Identity
        from xcat_hamn.identity.hostname import HostName

        return Identity(self.network, HostName(), self._record(), self.call.log, self._hooks())

    def _hooks(self) -> DatabaseHooks | None:
        """Return what the database wants done around a change of the name, if anything."""
        if not (self.name and self.call.values.text("db2_instance")):
            return None
        from xcat_hamn.database.db2.swap import Swap

        return Swap(self._db2(), self.call.deadline, self.call.log)

    def _db2(self) -> Instance:
        from xcat_hamn.database.db2.instance import Instance

        call = self.call
        instance, database = call.values.text("db2_instance"), call.values.text("db2_database")
        return Instance(call.runner, call.deadline, call.log, instance, database)

    def _judge(self) -> tuple[str, str]:
        """Return the verdict on this node and publish it."""
        seen = judgment.Observation(
            self.wanted,
            self.network.snapshot(),
            started=os.path.exists(f"{self.call.context.run_directory}/{judgment.RECORD}"),
            name=os.uname().nodename,
            wanted_name=self.name,
        )
        state, sentence = judgment.judge(seen)
        warning = None
        if state == judgment.RUNNING and self.call.values.flag("check_facing"):
            warning = judgment.facing_problem(self.wanted, seen.snapshot)
        word = "" if state != judgment.RUNNING else "warning" if warning else "active"
        self.call.attributes.publish(MANAGEMENT_NODE, word)
        if warning and self.call.context.action == "start":
            self.call.log.warning(warning)
        return state, sentence

    def monitor(self) -> int:
        """Tell whether the identity is wholly here, cleanly not here, or in between."""
        state, sentence = self._judge()
        if state == judgment.FAILED:
            raise HamnError(sentence)
        return codes.SUCCESS if state == judgment.RUNNING else codes.NOT_RUNNING

    def start(self) -> None:
        """Take the identity, and report success only after reading it back."""
        failures = Backoff(f"{self.call.context.run_directory}/failed-starts", _LONGEST_PAUSE)
        try:
            self._take()
        except HamnError:
            failures.failed(self.call.deadline)
            raise
        failures.succeeded()

    def _take(self) -> None:
        self._identity().take(
            self.wanted,
            self.name,
            probe=self.call.values.flag("duplicate_probe"),
            announcements=self.call.values.number("announcements"),
        )
        state, sentence = self._judge()
        if state != judgment.RUNNING:
            raise HamnError(sentence)

    def stop(self) -> None:
        """Give the identity back; succeed when it was not here."""
        self._identity().give_back(self.wanted)
        self.call.attributes.publish(MANAGEMENT_NODE, "")

    def reload_agent(self) -> None:
        """Take changed reloadable parameters: announce again, in the new number."""
        from xcat_hamn.identity.announcer import announce

        state, sentence = self._judge()
        if state != judgment.RUNNING:
            raise HamnError(sentence)
        times = self.call.values.number("announcements")
        announce(self.network, self.wanted, times, self._record().announcing)

    def problems(self) -> list[Exception]:
        """Return what this node lacks for these parameters."""
        from xcat_hamn.identity.hostname import hosts_problem
        from xcat_hamn.system.files import read_text

        snapshot = self.network.snapshot()
        missing = [address for address in self.wanted if not snapshot.find(address)]
        refused = judgment.refusal(missing, snapshot)
        if refused:
            return [refused]
        sentences = [judgment.subnet_problem(address, snapshot) for address in self.wanted]
        if self.call.values.flag("duplicate_probe"):
            sentences += self._identity().ask(missing, snapshot)
        if self.name:
            addresses = [address.address for address in self.wanted]
            sentences.append(hosts_problem(self.name, addresses, read_text("/etc/hosts") or ""))
        found: list[Exception] = [HamnError(sentence) for sentence in sentences if sentence]
        if self.call.values.text("db2_instance"):
            from xcat_hamn.database.db2.environment import swap_problems

            found += swap_problems(self._db2(), named=bool(self.name))
        return found


AGENT = Agent(
    name="xcat-mnidentity",
    version=__version__,
    shortdesc="Identity of the xCAT management node: service addresses and host name",
    longdesc=(
        "Gives the node that carries the role of the management node its service addresses "
        "(IPv4 and IPv6, several, each on its interface) and, where a site needs it, its host "
        "name. Nothing persistent is touched: a node that reboots comes back as itself. Before it "
        "adds an address the agent asks on the link whether another host holds it, and refuses to "
        "start if one does; afterwards it announces the addresses repeatedly. The monitor checks "
        "addresses, carrier and host name. The node attribute xcat-mn says whether the identity is "
        "here."
    ),
    parameters=(
        Parameter(
            "addresses",
            STRING,
            "service addresses",
            "The service addresses, separated by spaces, each written ADDRESS/PREFIX@INTERFACE, "
            "for example: 10.11.0.10/24@eth0 fd11::10/64@eth0. They must not stand in the network "
            "configuration of any node.",
            required=True,
            unique_group="addresses",
            check=problem_with_addresses,
        ),
        Parameter(
            "hostname",
            STRING,
            "host name of the management node",
            "The host name that the node has while it carries the role. Only the kernel's name is "
            "changed, /etc/hostname is not; stop puts the node's own name back. Unset: the name is "
            "left alone, which is right when site.master and the certificates name the service "
            "address and not the host.",
            unique_group="hostname",
            check=_problem_with_hostname,
        ),
        Parameter(
            "db2_instance",
            STRING,
            "Db2 instance that bears the host name",
            "A Db2 instance whose db2nodes.cfg names the host by the name that moves (parameter "
            "hostname), as in the original procedure. Around each change of the name its database "
            "is deactivated and it is stopped (db2stop), then started under the new name (db2gcf "
            "-u) and activated; HADR stays configured. An instance that knows the host by another "
            "name is left alone. Unset, which is recommended: no instance is touched, because "
            "db2nodes.cfg names each node by its own name.",
            check=_problem_with_db2("db2_instance"),
        ),
        Parameter(
            "db2_database",
            STRING,
            "database of that instance",
            "The HADR database of db2_instance.",
            default="xcatdb",
            check=_problem_with_db2("db2_database"),
        ),
        Parameter(
            "duplicate_probe",
            BOOLEAN,
            "ask whether another host holds the addresses",
            "Before a service address is added, ask by ARP (RFC 5227) and NDP (RFC 4862) whether "
            "another host on the link holds it, and refuse to start if one does. It takes 0.6 "
            "seconds for all addresses together.",
            default="true",
            reloadable=True,
        ),
        Parameter(
            "announcements",
            INTEGER,
            "how often the addresses are announced",
            "How often the neighbors are told, by gratuitous ARP and unsolicited neighbor "
            "advertisements, that the addresses are here now: the first time at once, then every "
            "second in the background.",
            default="5",
            reloadable=True,
            check=_problem_with_count,
        ),
        Parameter(
            "check_facing",
            BOOLEAN,
            "warn when xCAT's tools would choose another address",
            "xCAT writes for <xcatmaster> the first address in the order of `ip addr` that lies in "
            "the node's network, which is usually the node's own address and not the service "
            "address. Then the attribute xcat-mn is `warning`, and the start says in the log which "
            "tables to fill. Set this to false when the tables networks and noderes name the "
            "service address.",
            default="true",
            reloadable=True,
        ),
    ),
    actions=(
        Action("start", 30),
        Action("stop", 30),
        Action("monitor", 20, interval=10),
        Action("reload-agent", 20),
    ),
    handlers=MnIdentity,
)

"""DNS: BIND, with zones that makedns writes."""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.services.patience import until_right
from xcat_hamn.services.service import Service
from xcat_hamn.system.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Network

HOSTS = "/etc/hosts"
#: How many nodes a start looks up; one odd node must not keep DNS from starting.
_SAMPLE = 5


def known_hosts(
    hosts: str, nodes: list[str], domain: str, networks: list[dict[str, str]]
) -> list[tuple[str, str]]:
    """Return (full name, IPv4 address) of ``nodes`` that makedns must have put into ``domain``.

    Those are the nodes that /etc/hosts names without another domain, with an address in one of
    xCAT's ``networks`` that has no domain of its own; makedns leaves out the others.
    """
    served = [
        network
        for row in networks
        if row.get("domain", "") in ("", domain) and (network := _network(row))
    ]
    found: dict[str, str] = {}
    for line in hosts.splitlines():
        words = line.partition("#")[0].split()
        names = [name for name in words[1:] if name.partition(".")[2] in ("", domain)]
        if not names or len(names) < len(words) - 1 or not _is_served(words[0], served):
            continue
        for name in names:
            found.setdefault(name.partition(".")[0], words[0])
    return [(f"{node}.{domain}", found[node]) for node in nodes if node in found]


def _network(row: dict[str, str]) -> IPv4Network | None:
    """Return the IPv4 network of a row; IPv6 ones, written fd11::/64 with mask /64, are none."""
    from ipaddress import IPv4Network

    try:
        return IPv4Network(f"{row['net']}/{row['mask'].lstrip('/')}", strict=False)
    except (KeyError, ValueError):
        return None


def _is_served(address: str, served: list[IPv4Network]) -> bool:
    from ipaddress import IPv4Address

    try:
        parsed = IPv4Address(address)
    except ValueError:
        return False
    return any(parsed in network for network in served)


class Dns(Service):
    """named, serving the zone of site.domain."""

    name = "dns"
    tools = ("makedns", "dig")

    @property
    def _server(self) -> str:
        return self.ports.address or "127.0.0.1"

    def regenerate(self) -> None:
        """Write named.conf and all zones; makedns restarts named and looks whether it was."""
        self.ports.forget(self.name)
        self.ports.xcat.command("makedns", "-n")

    def _domain(self) -> str:
        domain = self.ports.facts(self.name).get("domain", "")
        if domain:
            return domain
        domain = self.ports.xcat.site().get("domain", "")
        if not domain:
            raise HamnError("xCAT's site table has no domain: set it with chdef -t site domain=...")
        self.ports.remember(self.name, {"domain": domain})
        return domain

    def _dig(self, *question: str) -> list[str]:
        argv = ["dig", "+short", "+time=2", "+tries=2", f"@{self._server}", *question]
        result = self.ports.runner.run(argv, timeout=10)
        lines = [line for line in result.stdout.splitlines() if line and line[0] != ";"]
        if not result.ok or not lines:
            raise CommandFailed(
                f"dig @{self._server} {' '.join(question)} got no answer "
                f"({result.last_line()}): see named's log"
            )
        return lines

    def examine(self) -> None:
        """Ask for the SOA; a node may be missing while an administrator adds it."""
        self._dig(self._domain(), "SOA")

    def prove(self) -> None:
        """Ask for the SOA of the domain, and for some nodes that makedns must have put there."""
        domain = self._domain()
        until_right(self.ports.deadline, lambda: self._prove(domain))

    def _prove(self, domain: str) -> None:
        self._dig(domain, "SOA")
        xcat = self.ports.xcat
        nodes = [row.get("node", "") for row in xcat.table("nodelist")]
        known = known_hosts(read_text(HOSTS) or "", nodes, domain, xcat.table("networks"))
        problems = [one for one in map(self._wrong, known[:_SAMPLE]) if one]
        if problems and len(problems) == len(known[:_SAMPLE]):
            raise HamnError(f"{problems[0]} (and so for all {len(problems)} nodes asked for)")
        for problem in problems:
            self.ports.log.warning(f"dns: {problem}")

    def _wrong(self, host: tuple[str, str]) -> str:
        """Return what is wrong with the answer for ``host``, empty when nothing is."""
        name, address = host
        try:
            answer = self._dig(name, "A")
        except CommandFailed as problem:
            return str(problem)
        if address in answer:
            return ""
        return f"{name} resolves to {', '.join(answer)}, but {HOSTS} says {address}: run makedns"

    def check(self) -> None:
        """Ask for the SOA of the domain that the start remembered."""
        from xcat_hamn.services.dns_query import soa_problem

        domain = self.ports.facts(self.name).get("domain", "")
        problem = soa_problem(self._server, domain) if domain else None
        if problem:
            raise HamnError(problem)

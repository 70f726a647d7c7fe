"""DNS: BIND, with zones that makedns writes."""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.services.patience import until_right
from xcat_hamn.services.service import Service
from xcat_hamn.system.files import read_text

_HOSTS = "/etc/hosts"


def known_host(hosts: str, nodes: list[str], domain: str) -> tuple[str, str] | None:
    """Return (full name, IPv4 address) of the first of ``nodes`` that /etc/hosts gives one."""
    addresses: dict[str, str] = {}
    for line in hosts.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            if ":" not in words[0] and not words[0].startswith("127."):
                addresses.setdefault(name.split(".")[0], words[0])
    for node in nodes:
        if node in addresses:
            return f"{node}.{domain}", addresses[node]
    return None


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

    def prove(self) -> None:
        """Ask for the SOA of the domain, and for a node that /etc/hosts knows."""
        domain = self._domain()
        until_right(self.ports.deadline, lambda: self._prove(domain))

    def _prove(self, domain: str) -> None:
        self._dig(domain, "SOA")
        nodes = [row.get("node", "") for row in self.ports.xcat.table("nodelist")]
        known = known_host(read_text(_HOSTS) or "", nodes, domain)
        if not known:
            self.ports.log.info(f"dns: no node is in {_HOSTS}, so only the SOA was asked for")
            return
        answer = self._dig(known[0], "A")
        if known[1] not in answer:
            raise HamnError(
                f"{known[0]} resolves to {', '.join(answer)}, but {_HOSTS} says {known[1]}: run "
                "makedns -n"
            )

    def check(self) -> None:
        """Ask for the SOA of the domain that the start remembered."""
        from xcat_hamn.services.dns_query import soa_problem

        domain = self.ports.facts(self.name).get("domain", "")
        problem = soa_problem(self._server, domain) if domain else None
        if problem:
            raise HamnError(problem)

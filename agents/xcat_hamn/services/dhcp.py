"""DHCP: ISC dhcpd (or Kea), with a configuration and reservations that makedhcp makes."""

from __future__ import annotations

from xcat_hamn.errors import HamnError
from xcat_hamn.services.dns import HOSTS
from xcat_hamn.services.patience import until_right
from xcat_hamn.services.service import Service
from xcat_hamn.system.files import read_text

#: How many reservations a start asks for; one odd node must not keep DHCP from starting.
_SAMPLE = 5


def named(hosts: str) -> set[str]:
    """Return the short names that the text of /etc/hosts gives an address."""
    lines = (line.partition("#")[0].split() for line in hosts.splitlines())
    return {name.partition(".")[0] for words in lines for name in words[1:]}


class Dhcp(Service):
    """The DHCP server of the nodes."""

    name = "dhcp"
    tools = ("makedhcp",)

    def regenerate(self) -> None:
        """Write the configuration, then put the reservations into the running server.

        ``makedhcp -n`` ends with 0 even when dhcpd did not start (tried), so that is looked at.
        ``-a`` adds the reservations through OMAPI, into which it writes blindly: with a dhcpd that
        does not listen there yet it ends with 0 and has done nothing (seen under load).
        """
        self.ports.xcat.command("makedhcp", "-n")
        self.start()
        until_right(self.ports.deadline, self._reserve)

    def _reserve(self) -> None:
        xcat = self.ports.xcat
        xcat.command("makedhcp", "-a")
        nodes = {row.get("node", "") for row in xcat.table("nodelist")}
        with_card = {row.get("node", "") for row in xcat.table("mac") if row.get("mac")}
        # The last ones: if they are there, all before them were sent too.
        sample = sorted(nodes & with_card & named(read_text(HOSTS) or ""))[-_SAMPLE:]
        if not sample:
            return
        told = xcat.command("makedhcp", "-q", ",".join(sample)).stdout.splitlines()
        if not {line.partition(":")[0] for line in told if "ip-address" in line} & set(sample):
            raise HamnError(
                f"makedhcp -a ended with 0, but dhcpd has no reservation of {', '.join(sample)}: "
                "look at dhcpd's log, and whether its OMAPI port 7911 answers"
            )

    def prove(self) -> None:
        """Get an answer to a DHCPINFORM, which takes no lease."""
        address = self.ports.address
        if not address or ":" in address:
            self.ports.log.info("dhcp: there is no IPv4 service address to probe from")
            if not self.running():
                raise HamnError("its daemon ended after its start: see journalctl")
            return
        from xcat_hamn.services.dhcp_probe import probe

        probe(address, self.ports.deadline.sooner(10.0))

"""DHCP: ISC dhcpd (or Kea), with a configuration and reservations that makedhcp makes."""

from __future__ import annotations

from xcat_hamn.errors import HamnError
from xcat_hamn.services.service import Service


class Dhcp(Service):
    """The DHCP server of the nodes."""

    name = "dhcp"
    tools = ("makedhcp",)

    def regenerate(self) -> None:
        """Write the configuration, then put the reservations into the running server.

        ``makedhcp -n`` ends with 0 even when dhcpd did not start (tried), so that is looked at;
        ``-a`` adds the reservations through OMAPI, and so needs dhcpd.
        """
        self.ports.xcat.command("makedhcp", "-n")
        self.start()
        self.ports.xcat.command("makedhcp", "-a")

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

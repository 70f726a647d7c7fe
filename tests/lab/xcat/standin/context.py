"""What a command is given besides its words."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from . import system
from .database import Database, Row


class Context(NamedTuple):
    """The database, xcatd's cached short host name, and whether nodes were named at all."""

    database: Database
    host: str
    has_noderange: bool = False

    def site(self, key: str, default: str = "") -> str:
        """Return a value of the site table."""
        return self.database.site().get(key, "") or default

    def networks(self) -> list[Network]:
        """Return the networks table's rows."""
        return [Network.of(row) for row in self.database.rows("networks")]


class Network(NamedTuple):
    """A row of the networks table; IPv4 has net and mask, IPv6 net with a prefix length."""

    net: ipaddress.IPv4Network | ipaddress.IPv6Network
    row: Row

    @classmethod
    def of(cls, row: Row) -> Network:
        """Read a row. Raises ValueError."""
        text = row["net"]
        if "/" not in text:
            text += "/" + row.get("mask", "")
        return cls(ipaddress.ip_network(text, strict=False), row)

    def holds(self, address: str) -> bool:
        """Say whether an address lies in this network."""
        value = ipaddress.ip_address(address)
        return value.version == self.net.version and value in self.net


def my_ip_facing(peer: str, own: list[tuple[str, int]]) -> str:
    """Return this machine's address in *peer*'s subnet: the FIRST in the order of ``ip addr``.

    The ``<xcatmaster>`` pitfall (xCAT::NetworkUtils my_ip_facing, measured): beside a normal
    alias, this is the node's own address and not the service address.
    """
    for address, length in own:
        if ipaddress.ip_address(peer) in ipaddress.ip_network(f"{address}/{length}", strict=False):
            return address
    return ""


def is_local(name: str) -> bool:
    """Say whether a name or address is one of this machine's."""
    address = system.resolve(name)
    return address.startswith("127.") or address in [own for own, _ in system.addresses()]

"""The network port on Linux: iproute2 changes addresses, netlink lists them.

Nothing is written to any persistent configuration: a node that reboots comes back as itself.
"""

from __future__ import annotations

from xcat_hamn.errors import HamnError, PermissionProblem
from xcat_hamn.identity.network import Held, Link, Network, Snapshot
from xcat_hamn.system import netlink
from xcat_hamn.system.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress
    from xcat_hamn.system.netlink import AddressEntry, LinkEntry
    from xcat_hamn.system.runner import Runner

_TIMEOUT = 10.0
_PROMOTE = "/proc/sys/net/ipv4/conf/{}/promote_secondaries"
_FORWARDING = "/proc/sys/net/ipv6/conf/{}/forwarding"


def snapshot_of(links: list[LinkEntry], addresses: list[AddressEntry]) -> Snapshot:
    """Return the snapshot with addresses in the order of ``ip address``: by link, IPv4 first."""
    names = {link.index: link.name for link in links}
    places = {link.index: place for place, link in enumerate(links)}
    known = [one for one in addresses if one.index in names]
    # The sort is stable: within one link and family the kernel's order stays.
    known.sort(key=lambda one: (places[one.index], len(one.address)))
    return Snapshot(
        [
            Link(
                link.name,
                up=bool(link.flags & netlink.UP),
                carrier=bool(link.flags & netlink.LOWER_UP),
                askable=link.hardware_type == netlink.ETHERNET and not link.flags & netlink.NO_ARP,
            )
            for link in links
        ],
        [
            Held(
                one.address,
                one.prefix,
                names[one.index],
                secondary=bool(one.flags & netlink.SECONDARY) and len(one.address) == 4,
                duplicate=bool(one.flags & netlink.DUPLICATE) and len(one.address) == 16,
            )
            for one in known
        ],
    )


class LinuxNetwork(Network):
    """Linux, through ``ip``, netlink and packet sockets."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def snapshot(self) -> Snapshot:
        """Return the present state, as the kernel lists it."""
        try:
            return snapshot_of(*netlink.listing())
        except OSError as problem:
            raise HamnError(
                f"the addresses of this node cannot be listed ({problem.strerror or problem}): "
                "look at the capabilities that Pacemaker runs with"
            ) from None

    def add(self, address: ServiceAddress) -> None:
        """Give ``address`` to its interface until the next boot.

        IPv6: no detection by the kernel, which takes one to two seconds before and again after
        each loss of carrier: ``holders`` has asked already.  preferred_lft 0 keeps the node's
        own address the source of its connections, as a secondary IPv4 address does.
        """
        words = [f"{address.text}/{address.prefix}", "dev", address.interface]
        more = ["broadcast", "+"] if address.family == 4 else ["preferred_lft", "0", "nodad"]
        result = self._runner.run(["ip", "address", "add", *words, *more], timeout=_TIMEOUT)
        if not result.ok and not self.snapshot().find(address):
            result.require(f"{address.text} cannot be added to {address.interface}")

    def remove(self, address: ServiceAddress) -> None:
        """Take ``address``, and no other, from its interface."""
        before = self.snapshot()
        held = before.find(address)
        if not held:
            return
        # A primary takes its secondaries along, unless the kernel is told to promote one.
        switch = _PROMOTE.format(address.interface)
        has_secondaries = any(
            other.secondary and other.interface == address.interface for other in before.held
        )
        promote = (
            has_secondaries and not held.secondary and (read_text(switch) or "").strip() == "0"
        )
        if promote:
            _write(switch, "1")
        try:
            words = [f"{address.text}/{address.prefix}", "dev", address.interface]
            result = self._runner.run(["ip", "address", "del", *words], timeout=_TIMEOUT)
        finally:
            if promote:
                _write(switch, "0")
        if not result.ok and self.snapshot().find(address):
            result.require(f"{address.text} cannot be removed from {address.interface}")

    def holders(
        self, addresses: Sequence[ServiceAddress], seconds: float
    ) -> dict[ServiceAddress, str]:
        """Ask on Ethernet links who holds ``addresses``; other links cannot be asked."""
        from xcat_hamn.system import neighbors

        links = self.snapshot().links
        wanted: dict[str, list[bytes]] = {}
        for address in addresses:
            if address.interface in links and links[address.interface].askable:
                wanted.setdefault(address.interface, []).append(address.address)
        try:
            found = neighbors.holders(wanted, seconds)
        except OSError as problem:
            raise HamnError(
                "it cannot be found out whether another host holds the service addresses "
                f"({problem.strerror or problem}): look at the interfaces "
                f"{', '.join(wanted)}, or set duplicate_probe=false if you are sure of them"
            ) from None
        return {
            address: found[address.interface, address.address].hex(":") or "an unnamed host"
            for address in addresses
            if (address.interface, address.address) in found
        }

    def announce(self, addresses: Sequence[ServiceAddress]) -> None:
        """Tell the neighbors on Ethernet links, once, that this node now holds ``addresses``."""
        from xcat_hamn.system import neighbors

        links = self.snapshot().links
        for address in addresses:
            if address.interface not in links or not links[address.interface].askable:
                continue
            forwards = (read_text(_FORWARDING.format(address.interface)) or "0").strip() != "0"
            try:
                neighbors.announce(address.interface, address.address, router=forwards)
            except OSError as problem:
                raise HamnError(
                    f"{address.text} cannot be announced on {address.interface} "
                    f"({problem.strerror or problem}): neighbors learn of the move only when "
                    "their own caches expire; look at the interface"
                ) from None


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as problem:
        raise PermissionProblem(
            f"{path} cannot be written ({problem.strerror}), so an address cannot be removed "
            "without losing the other addresses of its network: make it writable for root"
        ) from None

"""The network port on Linux: iproute2 changes and shows addresses, ``neighbors`` asks and tells.

Nothing is written to any persistent configuration: a node that reboots comes back as itself.
"""

from __future__ import annotations

from xcat_hamn.errors import HamnError
from xcat_hamn.identity.addresses import packed
from xcat_hamn.identity.network import Held, Link, Network, Snapshot
from xcat_hamn.system.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress
    from xcat_hamn.system.runner import Runner

_TIMEOUT = 10.0
_PROMOTE = "/proc/sys/net/ipv4/conf/{}/promote_secondaries"
_FORWARDING = "/proc/sys/net/ipv6/conf/{}/forwarding"


def _held(words: list[str], interface: str) -> Held:
    """Return the address of one ``inet`` or ``inet6`` line.

    The peer of a point-to-point address stands as ``inet 10.0.0.1 peer 10.0.0.2/32``.
    """
    text, _, prefix = words[1].partition("/")
    family, data = packed(text)
    return Held(
        data,
        int(prefix) if prefix else 32 if family == 4 else 128,
        interface,
        secondary="secondary" in words,
        duplicate="dadfailed" in words,
    )


def parse(text: str) -> Snapshot:
    """Return the snapshot that ``ip address show`` printed (iproute2 4.18 to 6.15)."""
    links: list[Link] = []
    held: list[Held] = []
    name, flags = "", frozenset[str]()
    for line in text.splitlines():
        words = line.split()
        if not line.startswith(" ") and len(words) > 2:
            # 2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 ...
            name = words[1].rstrip(":").partition("@")[0]
            flags = frozenset(words[2].strip("<>").split(","))
            links.append(Link(name, up="UP" in flags, carrier="LOWER_UP" in flags, askable=False))
        elif words and words[0].startswith("link/"):
            links[-1].askable = words[0] == "link/ether" and "NOARP" not in flags
        elif len(words) > 1 and words[0] in ("inet", "inet6"):
            held.append(_held(words, name))
    return Snapshot(links, held)


class LinuxNetwork(Network):
    """Linux, through ``ip`` and packet sockets."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def snapshot(self) -> Snapshot:
        """Return the present state, as one run of ``ip address show`` lists it."""
        result = self._runner.run(["ip", "address", "show"], timeout=_TIMEOUT)
        result.require("the addresses of this node cannot be listed")
        return parse(result.stdout)

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
        """Tell the neighbors, once, that this node now holds ``addresses``."""
        from xcat_hamn.system import neighbors

        for address in addresses:
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
    with open(path, "w", encoding="ascii") as file:
        file.write(text)

"""The network as the identity sees it: a snapshot of links, and the port that changes them.

``linux.LinuxNetwork`` implements the port; an AIX one can stand beside it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress


class Held:
    """One address that an interface of this node has.

    ``secondary`` addresses disappear with their primary unless promote_secondaries is set;
    ``duplicate`` means that the kernel found another holder (IPv6).
    """

    __slots__ = ("address", "duplicate", "interface", "prefix", "secondary")

    def __init__(
        self,
        address: bytes,
        prefix: int,
        interface: str,
        *,
        secondary: bool = False,
        duplicate: bool = False,
    ) -> None:
        self.address = address
        self.prefix = prefix
        self.interface = interface
        self.secondary = secondary
        self.duplicate = duplicate

    def is_exactly(self, wanted: ServiceAddress) -> bool:
        """Tell whether this is ``wanted``: same address, prefix length and interface."""
        return (self.address, self.prefix, self.interface) == (
            wanted.address,
            wanted.prefix,
            wanted.interface,
        )


class Link:
    """One interface: is it switched on, has it a carrier, can neighbors be asked on it."""

    __slots__ = ("askable", "carrier", "name", "up")

    def __init__(self, name: str, *, up: bool, carrier: bool, askable: bool = True) -> None:
        self.name = name
        self.up = up
        self.carrier = carrier
        self.askable = askable


class Snapshot:
    """All links and addresses of this node, both in the order in which the system lists them."""

    __slots__ = ("held", "links")

    def __init__(self, links: Sequence[Link], held: Sequence[Held]) -> None:
        self.links = {link.name: link for link in links}
        self.held = tuple(held)

    def find(self, wanted: ServiceAddress) -> Held | None:
        """Return the held address that is exactly ``wanted``, or None."""
        for held in self.held:
            if held.is_exactly(wanted):
                return held
        return None

    def elsewhere(self, wanted: ServiceAddress) -> Held | None:
        """Return ``wanted`` as held with another prefix length or on another interface."""
        for held in self.held:
            if held.address == wanted.address and not held.is_exactly(wanted):
                return held
        return None


class Network:
    """The port.  Every method may raise a HamnError."""

    def snapshot(self) -> Snapshot:
        """Return the present state."""
        raise NotImplementedError

    def add(self, address: ServiceAddress) -> None:
        """Give ``address`` to its interface until the next boot; present already is fine."""
        raise NotImplementedError

    def remove(self, address: ServiceAddress) -> None:
        """Take ``address``, and no other, from its interface; absent is fine."""
        raise NotImplementedError

    def holders(
        self, addresses: Sequence[ServiceAddress], seconds: float
    ) -> dict[ServiceAddress, str]:
        """Ask on the links who holds ``addresses``; return the hardware address of each holder.

        Takes up to ``seconds`` in all, less when somebody answers.
        """
        raise NotImplementedError

    def announce(self, addresses: Sequence[ServiceAddress]) -> None:
        """Tell the neighbors, once, that this node now holds ``addresses``."""
        raise NotImplementedError

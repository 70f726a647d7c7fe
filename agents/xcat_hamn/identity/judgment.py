"""What the observed network and name mean: pure functions, one sentence per case."""

from __future__ import annotations

from xcat_hamn.errors import HamnError, NodeError
from xcat_hamn.identity.addresses import network_of, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress
    from xcat_hamn.identity.network import Held, Snapshot

#: File in the run directory that tells that a start was begun and no stop has ended since.
RECORD = "identity"
#: Cleanly not here; wholly here; anything in between.
STOPPED = "stopped"
RUNNING = "running"
FAILED = "failed"


class Observation:
    """What is to be judged.

    ``started`` tells that a start was begun here and no stop has ended since; ``name`` is the
    node's present host name, ``wanted_name`` the demanded one (empty: the name is left alone).
    """

    __slots__ = ("name", "snapshot", "started", "wanted", "wanted_name")

    def __init__(
        self,
        wanted: Sequence[ServiceAddress],
        snapshot: Snapshot,
        *,
        started: bool,
        name: str = "",
        wanted_name: str = "",
    ) -> None:
        self.wanted = tuple(wanted)
        self.snapshot = snapshot
        self.started = started
        self.name = name
        self.wanted_name = wanted_name

    def missing(self) -> list[ServiceAddress]:
        """Return the wanted addresses that are not in place."""
        return [address for address in self.wanted if not self.snapshot.find(address)]


def link_problem(address: ServiceAddress, snapshot: Snapshot) -> str | None:
    """Return what is wrong with the interface of ``address``, or None."""
    link = snapshot.links.get(address.interface)
    if link is None:
        return (
            f"interface {address.interface}, which {address.text} belongs on, does not exist on "
            "this node: create it or correct the parameter addresses"
        )
    if not link.up:
        return (
            f"interface {link.name}, which {address.text} belongs on, is switched off: "
            f"switch it on (ip link set {link.name} up)"
        )
    if not link.carrier:
        return (
            f"interface {link.name}, which {address.text} belongs on, has no carrier: "
            "look at its cable, its switch port, or the ports of its bond or bridge"
        )
    return None


def judge(seen: Observation) -> tuple[str, str]:
    """Return STOPPED, RUNNING or FAILED, and the sentence that says why."""
    missing = seen.missing()
    has_name = bool(seen.wanted_name) and seen.name == seen.wanted_name
    if len(missing) == len(seen.wanted):
        if not seen.started:
            return STOPPED, "this node holds none of the service addresses"
        for address in seen.wanted:
            if address.interface not in seen.snapshot.links:
                return FAILED, str(link_problem(address, seen.snapshot))
        if not has_name:
            return STOPPED, "the service addresses were removed behind the cluster's back"
        return FAILED, (
            f"this node is still called {seen.wanted_name} but holds none of the service "
            "addresses: find out what removed them; a restart of the resource repairs it"
        )
    for address in seen.wanted:
        problem = link_problem(address, seen.snapshot)
        if problem:
            return FAILED, problem
    for address in missing:
        return FAILED, (
            f"{address.text}/{address.prefix} is not on {address.interface} while other service "
            "addresses are here: find out what removed it; a restart of the resource repairs it"
        )
    for address in seen.wanted:
        held = seen.snapshot.find(address)
        if held and held.duplicate:
            return FAILED, (
                f"another host on {address.interface} holds {address.text} too: find it by its "
                "hardware address in the kernel's log and take the address from it"
            )
    if seen.wanted_name and not has_name:
        return FAILED, (
            f'the host name is "{seen.name}" and not "{seen.wanted_name}": find out what changed '
            "it; a restart of the resource repairs it"
        )
    return RUNNING, "this node holds the identity of the management node"


def refusal(missing: Sequence[ServiceAddress], snapshot: Snapshot) -> HamnError | None:
    """Return why the ``missing`` addresses must not be added here now, or None.

    A NodeError (the resource is then kept off this node) only when waiting cannot help: the
    interface does not exist.  A pulled cable may be plugged in again: a soft error.
    """
    for address in missing:
        if address.interface not in snapshot.links:
            return NodeError(str(link_problem(address, snapshot)))
    for address in missing:
        problem = link_problem(address, snapshot)
        if problem:
            return HamnError(problem)
        other = snapshot.elsewhere(address)
        if other:
            return HamnError(
                f"{address.text} is already on this node as "
                f"{shown(other.address)}/{other.prefix} on {other.interface}, not put there by "
                f"this resource: remove it there, or correct the parameter addresses ({address})"
            )
    return None


def subnet_problem(address: ServiceAddress, snapshot: Snapshot) -> str | None:
    """Return why ``address`` fits no network of its interface, or None.

    An interface without any other address of the family is fine: the service address may be
    its only one (that is one cure for xCAT's choice of address, see ``facing``).
    """
    others = [
        held
        for held in snapshot.held
        if len(held.address) == len(address.address)
        and held.address != address.address
        and not (address.family == 6 and held.address[:2] == b"\xfe\x80")
    ]
    here = [held for held in others if held.interface == address.interface]
    if any(_contains(held, address.address) for held in here):
        return None
    for held in others:
        if held.interface != address.interface and _contains(held, address.address):
            return (
                f"{address.text} lies in the network of {held.interface} "
                f"({shown(held.address)}/{held.prefix}), not of {address.interface}: correct the "
                "interface in the parameter addresses"
            )
    if not here:
        return None
    return (
        f"{address.text} lies in no network of {address.interface}, which has "
        f"{shown(here[0].address)}/{here[0].prefix}: correct the address or its prefix length"
    )


def _contains(held: Held, address: bytes) -> bool:
    return network_of(held.address, held.prefix) == network_of(address, held.prefix)


def facing(held: Sequence[Held], node: bytes) -> Held | None:
    """Return the address that xCAT's tools consider this host's own as seen from ``node``.

    That is the first IPv4 address, in the order of ``ip addr``, whose network contains ``node``
    (xCAT 2.19, NetworkUtils.pm, my_ip_facing).
    """
    for one in held:
        if len(one.address) == len(node) == 4 and _contains(one, node):
            return one
    return None


def facing_problem(wanted: Sequence[ServiceAddress], snapshot: Snapshot) -> str | None:
    """Return the warning that xCAT's tools would choose another address, or None."""
    ours = {address.address for address in wanted}
    for address in wanted:
        chosen = facing(snapshot.held, address.address)
        if chosen and chosen.address not in ours:
            return (
                f"for nodes in the network of {address.text} xCAT's tools will write "
                f"{shown(chosen.address)} into DHCP and boot files, because `ip addr` lists it "
                f"first: name {address.text} in noderes.xcatmaster, noderes.tftpserver and in "
                "tftpserver, gateway, nameservers, ntpservers and logservers of the networks "
                "table, then set check_facing=false"
            )
    return None

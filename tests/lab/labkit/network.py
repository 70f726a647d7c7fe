"""The lab's wire: one bridge in a network namespace of its own, one port per node.

Nothing is created in the host's namespace. A node's own namespace has a name only until the node's
supervisor has entered it; from then on it lives exactly as long as the node's processes, so a node
without power takes its addresses along, and no leftover is possible.
"""

from __future__ import annotations

import contextlib
import json
import os

from labkit.host import LabError, call

BRIDGE = "wire"

_FOLDER = "/run/netns"


def namespace(lab: str, part: str) -> str:
    """Return the name of a network namespace: the dots keep lab names apart from one another."""
    return f"xcatlab.{lab}.{part}"


def create(lab: str) -> None:
    """Make the bridge; it forwards at once and holds no address by itself."""
    wire = namespace(lab, BRIDGE)
    _add(wire)
    # Without a fixed address it takes one of its ports', and another one when that port goes.
    fixed = ["link", "add", "lab0", "address", "02:00:0a:0b:00:01"]
    bridge = [*fixed, "type", "bridge", "stp_state", "0", "forward_delay", "0"]
    call(["ip", "-n", wire, *bridge, "mcast_snooping", "0"])
    call(["ip", "-n", wire, "link", "set", "lab0", "addrgenmode", "none", "up"])


def path(lab: str, part: str) -> str:
    """Return the file that is the network namespace of `part`, while that has a name."""
    return f"{_FOLDER}/{namespace(lab, part)}"


def add_address(lab: str, address: str) -> None:
    """Give the wire itself an address (with its prefix length), for a process in its namespace.

    Such a process finds a loopback interface there too: pyghmi talks to itself over it.
    """
    call(["ip", "-n", namespace(lab, BRIDGE), "link", "set", "lo", "up"])
    call(["ip", "-n", namespace(lab, BRIDGE), "address", "replace", address, "dev", "lab0"])


def plug(lab: str, node: str, mac: str) -> str:
    """Give `node` a fresh namespace with eth0 on the bridge; return the namespace's path."""
    wire, own = namespace(lab, BRIDGE), namespace(lab, node)
    unplug(lab, node)
    _add(own)
    pair = ["link", "add", node, "type", "veth", "peer", "name", "eth0", "address", mac]
    call(["ip", "-n", wire, *pair, "netns", own])
    call(["ip", "-n", wire, "link", "set", node, "addrgenmode", "none", "master", "lab0", "up"])
    return f"{_FOLDER}/{own}"


def forget_name(lab: str, node: str) -> None:
    """Drop the name of the node's namespace, which its processes alone hold from now on."""
    own = namespace(lab, node)
    if os.path.exists(f"{_FOLDER}/{own}"):
        call(["ip", "netns", "delete", own])


def unplug(lab: str, node: str) -> None:
    """Remove the node's port, and its namespace if that still has a name."""
    call(["ip", "-n", namespace(lab, BRIDGE), "link", "delete", node], check=False)
    forget_name(lab, node)


def set_port(lab: str, node: str, up: bool) -> None:
    """Pull or plug the node's cable: its eth0 loses or gets its carrier."""
    if node not in ports(lab):
        raise LabError(f"{node} has no port on the bridge of lab '{lab}': boot it first.")
    state = "up" if up else "down"
    call(["ip", "-n", namespace(lab, BRIDGE), "link", "set", node, state])


def ports(lab: str) -> dict[str, bool]:
    """Return for each plugged node whether its cable is in (True) or cut (False)."""
    listing = ["ip", "-n", namespace(lab, BRIDGE), "-json", "link", "show", "type", "veth"]
    shown = call(listing, check=False).stdout
    return {port["ifname"]: "UP" in port["flags"] for port in json.loads(shown or "[]") if port}


def destroy(lab: str) -> None:
    """Remove every namespace of this lab; the links go with them."""
    for name in names(lab):
        call(["ip", "netns", "delete", name], check=False)
    _remove_folder()


def _add(name: str) -> None:
    """Make a named namespace; again, if another lab's end has just removed the empty folder."""
    for attempt in (1, 2, 3):
        if call(["ip", "netns", "add", name], check=attempt == 3).returncode == 0:
            return


def _remove_folder() -> None:
    """Remove the folder and the mount that the first `ip netns add` on this host has made."""
    if os.path.isdir(_FOLDER) and not os.listdir(_FOLDER):
        call(["umount", _FOLDER], check=False)
        with contextlib.suppress(OSError):
            os.rmdir(_FOLDER)


def names(lab: str) -> list[str]:
    """Return the named namespaces of this lab."""
    if not os.path.isdir(_FOLDER):
        return []
    return [name for name in os.listdir(_FOLDER) if name.startswith(f"xcatlab.{lab}.")]

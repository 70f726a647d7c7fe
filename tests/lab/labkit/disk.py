"""The disk of a new node: what tells one node from the others, over the image that all share."""

from __future__ import annotations

import hashlib
import os

DOMAIN = "cluster.test"

#: Node name -> last part of its addresses 10.11.0.N and fd11::N.
ADDRESSES = {"mn1": 11, "mn2": 12, "cn1": 101}


def ipv4(node: str) -> str:
    """Return the node's own address of version 4."""
    return f"10.11.0.{ADDRESSES[node]}"


def ipv6(node: str) -> str:
    """Return the node's own address of version 6."""
    return f"fd11::{ADDRESSES[node]}"


def prepare(home: str, lab: str, node: str) -> None:
    """Make the layers of the node's overlay in `home`, with its identity in the upper one."""
    upper = f"{home}/upper"
    for folder in (f"{upper}/etc/lab", f"{upper}/etc/systemd/system"):
        os.makedirs(folder)
    for folder in (f"{home}/work", f"{home}/merged"):
        os.mkdir(folder)
    for path, text in _files(lab, node).items():
        with open(f"{upper}/etc/{path}", "w", encoding="ascii") as stream:
            stream.write(text)
    if not node.startswith("mn"):
        for unit in ("pcsd", "pcsd-ruby"):
            os.symlink("/dev/null", f"{upper}/etc/systemd/system/{unit}.service")


def _files(lab: str, node: str) -> dict[str, str]:
    identity = hashlib.sha256(f"{lab}.{node}".encode()).hexdigest()[:32]
    hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for address in (ipv4, ipv6):
        hosts += [f"{address(name)} {name}.{DOMAIN} {name}" for name in ADDRESSES]
    eth0 = [
        "link set dev eth0 down",
        "address flush dev eth0",
        f"address add {ipv4(node)}/24 broadcast + dev eth0",
        "link set dev eth0 up",
        f"address add {ipv6(node)}/64 dev eth0",
    ]
    return {
        "machine-id": f"{identity}\n",
        "hostname": f"{node}\n",
        "hosts": "\n".join(hosts) + "\n",
        "resolv.conf": f"search {DOMAIN}\n",
        "lab/eth0.batch": "\n".join(eth0) + "\n",
    }

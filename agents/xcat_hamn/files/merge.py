"""/etc/hosts and /etc/resolv.conf: the receiving node keeps its own lines in the source's file.

Pure functions from two texts to one; doing it twice changes nothing.
"""

from __future__ import annotations

import ipaddress
import os

#: What the programs that manage resolv.conf write into it, in small letters.
_MANAGERS = (
    "networkmanager", "systemd-resolved", "resolvconf", "dhclient", "dhcpcd", "netconfig",
    "cloud-init",
)  # fmt: skip


def merged_hosts(received: str, current: str, node: str) -> str:
    """Return ``received`` with what ``current`` says of the loopback and of ``node`` itself.

    Those lines stand before all others, so that they are the ones that are found, and the source's
    lines for the same are left out.  Of what ``current`` says nothing, the source's are taken.
    """
    own: list[str] = []
    for is_it in (_of_loopback, lambda line: _of_node(line, node)):
        found = [line for line in current.splitlines() if is_it(line)]
        found = found or [line for line in received.splitlines() if is_it(line)]
        own += [line for line in found if line not in own]
    addresses = {_words(line)[0] for line in own}
    kept = [
        line
        for line in received.splitlines()
        if not (_of_loopback(line) or _of_node(line, node) or addresses & {*_words(line)[:1]})
    ]
    head = 0
    while head < len(kept) and not _words(kept[head]):
        head += 1
    return "\n".join([*kept[:head], *own, *kept[head:]]) + "\n"


def _words(line: str) -> list[str]:
    return line.partition("#")[0].split()


def _of_loopback(line: str) -> bool:
    words = _words(line)
    return len(words) > 1 and _loopback(words[0])


def _of_node(line: str, node: str) -> bool:
    """Tell whether ``line`` gives ``node`` an address, with its name of any length."""
    words = _words(line)
    names = {word.lower().split(".")[0] for word in words[1:]}
    return bool(words) and not _loopback(words[0]) and node.lower().split(".")[0] in names


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def merged_resolv(received: str, current: str) -> str:
    """Return ``received`` with this node's own name servers (on its loopback) first."""
    own = [line for line in current.splitlines() if _own_server(line)]
    kept = [line for line in received.splitlines() if not _own_server(line)]
    first = next(
        (number for number, line in enumerate(kept) if line.split()[:1] == ["nameserver"]),
        len(kept),
    )
    return "\n".join([*kept[:first], *own, *kept[first:]]) + "\n"


def _own_server(line: str) -> bool:
    words = line.split()
    return len(words) > 1 and words[0] == "nameserver" and _loopback(words[1])


def managed(path: str, text: str | None) -> str | None:
    """Return who writes the resolv.conf at ``path`` by itself, or None when nobody does."""
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)}"
    comments = " ".join(
        line.lower() for line in (text or "").splitlines() if line.lstrip()[:1] in ("#", ";")
    )
    found = next((name for name in _MANAGERS if name in comments), None)
    return f"{found} writes it" if found else None


def unusable(text: str, kind: str) -> str | None:
    """Return why a received file must not replace anything, or None."""
    if "\0" in text:
        return "it is not a text"
    lines = [_words(line) for line in text.splitlines()]
    if kind == "hosts" and not any(len(words) > 1 for words in lines):
        return "it has no single address in it"
    return None


def merged(kind: str, received: str, current: str, node: str) -> str:
    """Return what becomes of ``current`` ("hosts" or "resolv") on ``node``."""
    if kind == "hosts":
        return merged_hosts(received, current, node)
    return merged_resolv(received, current)

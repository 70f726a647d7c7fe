"""Links and addresses of this node, asked of the kernel itself (Linux, rtnetlink(7)).

Reading them from ``ip address show`` would cost a monitor 2 ms of its 12 and depend on the output
of many releases of iproute2; the structures here are the kernel's stable interface
(linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h).
"""

from __future__ import annotations

import _socket
import sys

from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ORDER = sys.byteorder
_REQUEST_DUMP = 0x301
_ERROR, _DONE, _NEW_LINK, _GET_LINK, _NEW_ADDRESS, _GET_ADDRESS = 2, 3, 16, 18, 20, 22
_INTERRUPTED = 0x10
_LINK_NAME, _LINK_MASK, _SKIP_STATISTICS = 3, 29, 8
_ADDRESS, _LOCAL, _ADDRESS_FLAGS = 1, 2, 8

UP, NO_ARP, LOWER_UP = 0x1, 0x80, 0x10000
SECONDARY, DUPLICATE = 0x01, 0x08
ETHERNET = 1
_BIGGEST = 65536
_ATTEMPTS = 5


def _number(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], _ORDER)


def _attributes(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute of a message, from offset ``start`` on."""
    while start + 4 <= len(data):
        size = _number(data, start, 2)
        if size < 4:
            return
        yield _number(data, start + 2, 2), data[start + 4 : start + size]
        start += (size + 3) & ~3


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield type, flags and payload of each netlink message in ``data``."""
    start = 0
    while start + 16 <= len(data):
        size = _number(data, start, 4)
        if size < 16:
            return
        kind, flags = _number(data, start + 4, 2), _number(data, start + 6, 2)
        yield kind, flags, data[start + 16 : start + size]
        start += (size + 3) & ~3


def _dump(socket: _socket.socket, kind: int, body: bytes) -> list[bytes] | None:
    """Return the payloads of one dump, or None when something changed while it ran."""
    size = (16 + len(body)).to_bytes(4, _ORDER)
    header = size + kind.to_bytes(2, _ORDER) + _REQUEST_DUMP.to_bytes(2, _ORDER) + bytes(8)
    socket.send(header + body)
    found: list[bytes] = []
    consistent = True
    while True:
        for answer, flags, payload in messages(socket.recv(_BIGGEST)):
            consistent = consistent and not flags & _INTERRUPTED
            if answer == _DONE:
                return found if consistent else None
            if answer == _ERROR:
                number = -int.from_bytes(payload[:4], _ORDER, signed=True)
                raise OSError(number, "the kernel refused to list links and addresses")
            found.append(payload)


class LinkEntry:
    """One link: its index, name, hardware type (ETHERNET) and flags (UP, LOWER_UP, NO_ARP)."""

    __slots__ = ("flags", "hardware_type", "index", "name")

    def __init__(self, payload: bytes) -> None:
        self.hardware_type = _number(payload, 2, 2)
        self.index = _number(payload, 4, 4)
        self.flags = _number(payload, 8, 4)
        self.name = ""
        for kind, value in _attributes(payload, 16):
            if kind == _LINK_NAME:
                self.name = value.rstrip(b"\0").decode("utf-8", "replace")
                break


class AddressEntry:
    """One address: packed, prefix length, index of its link, flags (SECONDARY, DUPLICATE)."""

    __slots__ = ("address", "flags", "index", "prefix")

    def __init__(self, payload: bytes) -> None:
        self.prefix = payload[1]
        self.flags = payload[2]
        self.index = _number(payload, 4, 4)
        self.address = b""
        for kind, value in _attributes(payload, 8):
            # On a point-to-point link _ADDRESS is the other end's, and _LOCAL is our own.
            if kind == _LOCAL or (kind == _ADDRESS and not self.address):
                self.address = value
            elif kind == _ADDRESS_FLAGS:
                self.flags = _number(value, 0, 4)


def listing() -> tuple[list[LinkEntry], list[AddressEntry]]:
    """Return all links and all addresses, each in the order in which the kernel lists them.

    Raises HamnError when they keep changing, OSError when the kernel refuses.
    """
    mask = (8).to_bytes(2, _ORDER) + _LINK_MASK.to_bytes(2, _ORDER)
    ask_links = bytes(16) + mask + _SKIP_STATISTICS.to_bytes(4, _ORDER)
    socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
    try:
        for _ in range(_ATTEMPTS):
            links = _dump(socket, _GET_LINK, ask_links)
            addresses = _dump(socket, _GET_ADDRESS, bytes(8))
            if links is not None and addresses is not None:
                return [LinkEntry(link) for link in links], [AddressEntry(one) for one in addresses]
    finally:
        socket.close()
    raise HamnError(
        "the links and addresses of this node change faster than they can be listed: find out "
        "what adds and removes interfaces all the time"
    )

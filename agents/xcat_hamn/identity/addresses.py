"""Service addresses as a site writes them: ``ADDRESS/PREFIX@INTERFACE``.

Addresses are kept packed (4 or 16 bytes): ``ipaddress`` would cost a monitor 4.5 ms.
"""

from __future__ import annotations

import _socket

_BITS = {4: 32, 6: 128}
_FAMILY = {4: _socket.AF_INET, 6: _socket.AF_INET6}
#: IFNAMSIZ less its terminating zero (linux/if.h).
_INTERFACE_LENGTH = 15
EXAMPLE = "write it as 10.11.0.10/24@eth0"


def packed(text: str) -> tuple[int, bytes]:
    """Return family (4 or 6) and bytes of the address ``text``; raises ValueError for none."""
    family = 6 if ":" in text else 4
    try:
        return family, _socket.inet_pton(_FAMILY[family], text)
    except (OSError, UnicodeError):
        raise ValueError(f'"{text}" is not an IP address') from None


def shown(address: bytes) -> str:
    """Return the canonical text of the packed ``address``."""
    return _socket.inet_ntop(_FAMILY[4 if len(address) == 4 else 6], address)


def network_of(address: bytes, prefix: int) -> int:
    """Return the network part of ``address``, as a number."""
    return int.from_bytes(address, "big") >> (len(address) * 8 - prefix)


class ServiceAddress:
    """One address that the management node answers at, its prefix length and its interface."""

    __slots__ = ("address", "family", "interface", "prefix")

    def __init__(self, address: bytes, prefix: int, interface: str) -> None:
        self.address = address
        self.family = 4 if len(address) == 4 else 6
        self.prefix = prefix
        self.interface = interface

    @property
    def text(self) -> str:
        """The address alone, in its canonical form."""
        return shown(self.address)

    def __str__(self) -> str:
        return f"{self.text}/{self.prefix}@{self.interface}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServiceAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.address, self.prefix, self.interface))


def _check_kind(address: ServiceAddress) -> None:
    """Raise ValueError when no host can be reached at ``address``."""
    data, bits = address.address, _BITS[address.family]
    host = int.from_bytes(data, "big") & ((1 << (bits - address.prefix)) - 1)
    if not any(data):
        raise ValueError("is the unspecified address")
    if data[0] == 0xFF or (address.family == 4 and data[0] >= 0xE0):
        raise ValueError("is a multicast or reserved address")
    if data[0] == 127 and address.family == 4 or data == bytes(15) + b"\1":
        raise ValueError("is the loopback address")
    if address.family == 6 and data[:12] == bytes(10) + b"\xff\xff":
        raise ValueError("is an IPv4 address in IPv6 clothes")
    if address.prefix < bits - 1 and host == 0:
        raise ValueError("is the address of its whole network")
    if address.family == 4 and address.prefix < 31 and host + 1 == 1 << (bits - address.prefix):
        raise ValueError("is the broadcast address of its network")


def parse_one(word: str) -> ServiceAddress:
    """Return the address that ``word`` writes.  Raises ValueError with what is wrong with it."""
    rest, at, interface = word.rpartition("@")
    text, slash, prefix = rest.partition("/")
    if not at or not slash:
        raise ValueError("is not of the form ADDRESS/PREFIX@INTERFACE")
    if not interface or len(interface) > _INTERFACE_LENGTH or "/" in interface:
        raise ValueError("has no valid interface name after the @")
    if interface in (".", "..") or not interface.isprintable():
        raise ValueError("has no valid interface name after the @")
    family, data = packed(text)
    if not (prefix.isascii() and prefix.isdecimal() and 1 <= int(prefix) <= _BITS[family]):
        raise ValueError(f"has no prefix length from 1 to {_BITS[family]} after the /")
    address = ServiceAddress(data, int(prefix), interface)
    _check_kind(address)
    return address


def parse(text: str) -> list[ServiceAddress]:
    """Return the addresses in the space-separated list ``text``.  Raises ValueError."""
    found: list[ServiceAddress] = []
    for word in text.split():
        try:
            address = parse_one(word)
        except ValueError as problem:
            raise ValueError(f"{word}: {problem}") from None
        if any(other.address == address.address for other in found):
            raise ValueError(f"{word}: the address stands there twice")
        found.append(address)
    return found


def problem_with_addresses(text: str) -> str | None:
    """Return why ``text`` can be no list of service addresses, or None; looks at nothing else."""
    try:
        parse(text)
    except ValueError as problem:
        return f"parameter addresses is wrong at {problem}: {EXAMPLE}"
    return None

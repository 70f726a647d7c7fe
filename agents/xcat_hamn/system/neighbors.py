"""Talk with the neighbors on a link: who holds an address, and "I hold it now" (Linux).

Own packets rather than a program: no tool of both Debian and RHEL sends unsolicited neighbor
advertisements; two different programs are called ``arping``; and iputils' one counts in whole
seconds and does not notice another host that probes for the same address at the same moment.

Sources: ARP RFC 826, probing and announcing with it RFC 5227; NDP RFC 4861, duplicate address
detection RFC 4862.  The spacing of RFC 5227 (up to 7 s) suits thousands of hosts that boot at
once, not a takeover that people wait for: a living neighbor answers within milliseconds.
"""

from __future__ import annotations

import _socket
import select
import struct
import time

_ETH_ARP = 0x0806
_ETH_IPV6 = 0x86DD
_ETHER = 1  # ARPHRD_ETHER
_BROADCAST = b"\xff" * 6
_REQUEST, _REPLY = 1, 2
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ICMPV6 = 58
_ICMP6_FILTER = 1
_ROUTER, _OVERRIDE = 0x80, 0x20
_ALL_NODES = bytes.fromhex("ff02") + bytes(13) + b"\1"
_UNSPECIFIED = bytes(16)
_SO_BINDTODEVICE = 25
_IPV6_ADD_MEMBERSHIP = 20
#: How often one address is asked for; one lost frame must not make it look free.
PROBES = 3


def arp(operation: int, hardware: bytes, sender: bytes, target: bytes) -> bytes:
    """Return an ARP packet for Ethernet and IPv4; the target's hardware address is left open."""
    return _ARP.pack(_ETHER, 0x0800, 6, 4, operation, hardware, sender, bytes(6), target)


def arp_conflict(packet: bytes, hardware: bytes) -> tuple[bytes, bytes] | None:
    """Return (address, hardware address) of a neighbor that holds or is probing for an address.

    RFC 5227 section 2.1.1: the sender's address of any ARP packet is in use; a probe of another
    host claims its target.  ``hardware`` is our own, whose echoes say nothing.
    """
    if len(packet) < _ARP.size:
        return None
    kind, protocol, _, _, operation, sender_hardware, sender, _, target = _ARP.unpack_from(packet)
    if kind != _ETHER or protocol != 0x0800 or sender_hardware == hardware:
        return None
    if any(sender):
        return sender, sender_hardware
    return (target, sender_hardware) if operation == _REQUEST else None


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _icmpv6(source: bytes, destination: bytes, body: bytes) -> bytes:
    """Return a whole IPv6 packet with hop limit 255, which NDP demands."""
    pseudo = source + destination + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + source + destination + body


def solicited_group(address: bytes) -> bytes:
    """Return the solicited-node multicast address of the packed IPv6 ``address``."""
    return bytes.fromhex("ff0200000000000000000001ff") + address[13:]


def solicitation(address: bytes) -> bytes:
    """Return the IPv6 packet that asks whether anybody holds ``address`` (RFC 4862, 5.4.2)."""
    body = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + address
    return _icmpv6(_UNSPECIFIED, solicited_group(address), body)


def advertisement(address: bytes, hardware: bytes, *, router: bool) -> bytes:
    """Return the IPv6 packet that tells all nodes who holds ``address`` (RFC 4861, 7.2.6)."""
    flags = _OVERRIDE | (_ROUTER if router else 0)
    body = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, flags << 24) + address
    return _icmpv6(address, _ALL_NODES, body + b"\2\1" + hardware)


def ndp_conflict(body: bytes, source: str) -> tuple[bytes, bytes] | None:
    """Return (address, hardware address or empty) of a neighbor that holds or probes it.

    ``body`` is the ICMPv6 message, ``source`` the text of its sender's address: a solicitation
    from the unspecified address is another host's own duplicate detection.
    """
    if len(body) < 24:
        return None
    if body[0] == _ADVERTISEMENT:
        has_hardware = len(body) >= 32 and body[24:26] == b"\2\1"
        return body[8:24], body[26:32] if has_hardware else b""
    if body[0] == _SOLICITATION and source == "::":
        return body[8:24], b""
    return None


class _Packets:
    """A packet socket on one interface; the kernel adds the Ethernet header."""

    def __init__(self, interface: str, protocol: int, listen: bool) -> None:
        self._protocol = protocol
        self._interface = interface
        number = _socket.htons(protocol) if listen else 0
        self.socket = _socket.socket(_socket.AF_PACKET, _socket.SOCK_DGRAM, number)
        self.socket.bind((interface, protocol if listen else 0))
        self.hardware: bytes = self.socket.getsockname()[4]

    def send(self, packet: bytes, to: bytes) -> None:
        self.socket.sendto(packet, (self._interface, self._protocol, 0, 0, to))


class _Port:
    """Where one interface is asked: ``ask`` sends, ``inbox`` is polled, ``hear`` reads one."""

    inbox: _socket.socket

    def ask(self, address: bytes) -> None:
        raise NotImplementedError

    def hear(self) -> tuple[bytes, bytes] | None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class _Arp(_Port):
    """Asks for IPv4 addresses on one interface."""

    def __init__(self, interface: str, _addresses: list[bytes]) -> None:
        self._packets = _Packets(interface, _ETH_ARP, listen=True)
        self.inbox = self._packets.socket

    def ask(self, address: bytes) -> None:
        self._packets.send(arp(_REQUEST, self._packets.hardware, bytes(4), address), _BROADCAST)

    def hear(self) -> tuple[bytes, bytes] | None:
        return arp_conflict(self.inbox.recv(1500), self._packets.hardware)

    def close(self) -> None:
        self.inbox.close()


def _multicast_hardware(group: bytes) -> bytes:
    return b"\x33\x33" + group[12:]


class _Ndp(_Port):
    """Asks for IPv6 addresses on one interface.

    Answers come through an ICMPv6 socket: the kernel's filter spares us the other traffic, and
    joining the groups makes switches that snoop forward another host's simultaneous question.
    """

    def __init__(self, interface: str, addresses: list[bytes]) -> None:
        self._packets = _Packets(interface, _ETH_IPV6, listen=False)
        self.inbox = _socket.socket(_socket.AF_INET6, _socket.SOCK_RAW, _ICMPV6)
        self.inbox.setsockopt(_socket.SOL_SOCKET, _SO_BINDTODEVICE, interface.encode())
        passed = (1 << (_SOLICITATION & 31)) | (1 << (_ADVERTISEMENT & 31))
        blocked = [0xFFFFFFFF] * 8
        blocked[_SOLICITATION >> 5] &= ~passed
        self.inbox.setsockopt(_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
        index = _socket.if_nametoindex(interface)
        for group in {solicited_group(address) for address in addresses}:
            membership = group + struct.pack("=I", index)
            self.inbox.setsockopt(_socket.IPPROTO_IPV6, _IPV6_ADD_MEMBERSHIP, membership)

    def ask(self, address: bytes) -> None:
        group = solicited_group(address)
        self._packets.send(solicitation(address), _multicast_hardware(group))

    def hear(self) -> tuple[bytes, bytes] | None:
        body, source = self.inbox.recvfrom(1500)
        return ndp_conflict(body, source[0])

    def close(self) -> None:
        self.inbox.close()
        self._packets.socket.close()


def holders(wanted: dict[str, list[bytes]], seconds: float) -> dict[tuple[str, bytes], bytes]:
    """Ask for all addresses in ``wanted`` (interface -> packed addresses) at the same time.

    Returns {(interface, address): hardware address of its holder}; an empty hardware address
    when the answer did not tell it.  Takes ``seconds`` unless every address is answered sooner.
    Raises OSError when an interface cannot be used.
    """
    found: dict[tuple[str, bytes], bytes] = {}
    asked = [(name, address) for name, addresses in wanted.items() for address in addresses]
    ports: dict[tuple[str, int], _Port] = {}
    poll = select.poll()
    try:
        for name, size in {(name, len(address)) for name, address in asked}:
            mine = [address for address in wanted[name] if len(address) == size]
            ports[name, size] = _Arp(name, mine) if size == 4 else _Ndp(name, mine)
            poll.register(ports[name, size].inbox.fileno(), select.POLLIN)
        names = {port.inbox.fileno(): (name, port) for (name, _), port in ports.items()}
        begun = time.monotonic()
        for turn in range(PROBES):
            if len(found) == len(asked):
                break
            for name, address in asked:
                ports[name, len(address)].ask(address)
            end = begun + seconds * (turn + 1) / PROBES
            while len(found) < len(asked) and (left := end - time.monotonic()) > 0:
                for descriptor, _ in poll.poll(left * 1000):
                    name, port = names[descriptor]
                    heard = port.hear()
                    if heard and heard[0] in wanted[name]:
                        found[name, heard[0]] = heard[1]
        return found
    finally:
        for port in ports.values():
            port.close()


def announce(interface: str, address: bytes, *, router: bool = False) -> None:
    """Tell everyone on ``interface`` that this host holds ``address``.

    IPv4 as request and as reply: some equipment learns from one of them only.  ``router`` is
    whether this host forwards IPv6; hosts drop a router that says it is none (RFC 4861, 7.2.5).
    Raises OSError.
    """
    packets = _Packets(interface, _ETH_ARP if len(address) == 4 else _ETH_IPV6, listen=False)
    try:
        if len(address) == 4:
            for operation in (_REQUEST, _REPLY):
                packets.send(arp(operation, packets.hardware, address, address), _BROADCAST)
        else:
            packet = advertisement(address, packets.hardware, router=router)
            packets.send(packet, _multicast_hardware(_ALL_NODES))
    finally:
        packets.socket.close()

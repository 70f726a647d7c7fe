"""The packets, as their RFCs lay them out; what they do on a link is in tests/ocf."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.system import neighbors

OURS, THEIRS = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
IPV4 = st.ip_addresses(v=4).filter(lambda address: int(address) != 0).map(lambda a: a.packed)
IPV6 = st.ip_addresses(v=6).filter(lambda address: int(address) != 0).map(lambda a: a.packed)
UNSET = bytes(4)
REQUEST, REPLY = 1, 2


@given(IPV4, IPV4)
def test_who_conflicts_by_arp(address, other):
    def conflict(operation, hardware, sender, target):
        return neighbors.arp_conflict(neighbors.arp(operation, hardware, sender, target), OURS)

    # RFC 5227 2.1.1: any packet with the address as its sender, or another host's probe.
    assert conflict(REPLY, THEIRS, address, other) == (address, THEIRS)
    assert conflict(REQUEST, THEIRS, address, other) == (address, THEIRS)
    assert conflict(REQUEST, THEIRS, UNSET, address) == (address, THEIRS)
    # Our own echo, and a reply from nobody, say nothing.
    assert conflict(REQUEST, OURS, UNSET, address) is None
    assert conflict(REPLY, THEIRS, UNSET, address) is None


def test_an_arp_probe_to_the_byte():
    probe = neighbors.arp(1, OURS, bytes(4), bytes([10, 11, 0, 10]))
    assert probe.hex() == "0001080006040001" + OURS.hex() + "00000000" + "00" * 6 + "0a0b000a"


@given(st.binary(max_size=60))
def test_any_bytes_are_understood_or_ignored(data):
    neighbors.arp_conflict(data, OURS)
    neighbors.ndp_conflict(data, "::")


def ones_complement_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def parts(packet):
    """Return source, destination and ICMPv6 message of a packet after checking its checksum."""
    length, following, hops = struct.unpack_from("!HBB", packet, 4)
    source, destination, body = packet[8:24], packet[24:40], packet[40:]
    assert (packet[0] >> 4, length, following, hops) == (6, len(body), 58, 255)
    pseudo = source + destination + struct.pack("!II", len(body), 58)
    assert ones_complement_sum(pseudo + body) == 0xFFFF
    return source, destination, body


@given(IPV6)
def test_a_solicitation_asks_the_right_group_from_nowhere(address):
    source, destination, body = parts(neighbors.solicitation(address))
    assert source == bytes(16)
    low = int.from_bytes(address[13:], "big")
    assert (
        int(ipaddress.IPv6Address(destination))
        == int(ipaddress.IPv6Address("ff02::1:ff00:0")) + low
    )
    assert (body[0], body[8:24]) == (135, address)
    assert neighbors.ndp_conflict(body, "::") == (address, b"")
    # Somebody who merely looks for the address does not hold it.
    assert neighbors.ndp_conflict(body, "fe80::1") is None


@given(IPV6, st.booleans())
def test_an_advertisement_tells_everybody(address, router):
    source, destination, body = parts(neighbors.advertisement(address, OURS, router=router))
    assert (source, str(ipaddress.IPv6Address(destination))) == (address, "ff02::1")
    assert body[4] == (0xA0 if router else 0x20)  # override, not solicited
    assert neighbors.ndp_conflict(body, "fe80::1") == (address, OURS)

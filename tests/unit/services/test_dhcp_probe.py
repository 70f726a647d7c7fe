"""The packets of the DHCP question; tests/lab asks a real dhcpd."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.services.dhcp_probe import inform, is_acknowledgement

IDENTITY = b"\x01\x02\x03\x04"


def packet(payload, options=b"", protocol=17):
    """An IPv4 packet, with UDP from port 67 to 68."""
    length = 20 + len(options)
    head = bytes([0x40 | length // 4]) + bytes(8) + bytes([protocol]) + bytes(10) + options
    return head + struct.pack("!HHHH", 67, 68, 8 + len(payload), 0) + payload


def reply(identity=IDENTITY, kind=5, operation=2):
    head = bytes([operation, 1, 6, 0]) + identity + bytes(228)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind, 255])


def test_the_question_names_its_sender_and_takes_nothing():
    sent = inform(IDENTITY, "10.11.0.10")
    assert len(sent) == 300
    assert sent[0] == 1 and sent[4:8] == IDENTITY
    assert sent[12:16] == bytes([10, 11, 0, 10])  # ciaddr: this client has an address already
    assert sent[236:243] == b"\x63\x82\x53\x63" + bytes([53, 1, 8])  # DHCPINFORM
    assert sent[28] & 2  # a locally administered hardware address


@pytest.mark.parametrize("options", [b"", bytes(8)])
def test_an_acknowledgement_is_told(options):
    assert is_acknowledgement(packet(reply(), options), IDENTITY)


@pytest.mark.parametrize(
    "other",
    [
        packet(reply(identity=b"zzzz")),
        packet(reply(kind=6)),
        packet(reply(operation=1)),
        packet(reply(), protocol=6),
        packet(b""),
    ],
)
def test_other_traffic_is_not(other):
    assert not is_acknowledgement(other, IDENTITY)


def test_our_own_question_is_not():
    assert not is_acknowledgement(packet(inform(IDENTITY, "10.11.0.10")), IDENTITY)


@given(st.binary(max_size=600))
def test_any_packet_of_the_wire_is_survived(data):
    assert is_acknowledgement(data, IDENTITY) in (True, False)

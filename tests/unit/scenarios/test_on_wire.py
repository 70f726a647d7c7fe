"""The frames with which cn1 asks the wire, and what their answers tell."""

from __future__ import annotations

import socket
import struct

from scenariokit import on_node, on_wire

MINE = on_wire.hardware("02:00:0a:0b:00:65")
THEIRS = on_wire.hardware("02:00:0a:0b:00:0b")


def test_an_arp_request_asks_everybody_and_a_reply_names_the_holder():
    frame = on_wire.arp_request(MINE, "10.11.0.101", "10.11.0.10")
    assert len(frame) == 42 and frame[:6] == b"\xff" * 6
    assert on_wire.arp_answer(frame) is None
    reply = (
        MINE
        + THEIRS
        + b"\x08\x06"
        + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
        + THEIRS
        + socket.inet_aton("10.11.0.10")
        + MINE
        + socket.inet_aton("10.11.0.101")
    )
    assert on_wire.arp_answer(reply) == ("10.11.0.10", "02:00:0a:0b:00:0b")
    assert on_wire.arp_answer(reply[:30]) is None


def test_a_solicitation_has_a_right_checksum_and_an_advertisement_names_the_holder():
    frame = on_wire.solicitation(MINE, "fe80::1", "fd11::10")
    packet = frame[14:]
    pseudo = packet[8:40] + struct.pack("!I3xB", len(packet) - 40, 58)
    assert on_wire.checksum(pseudo + packet[40:]) == 0
    assert frame[:6] == bytes.fromhex("3333ff000010")
    assert packet[24:40] == socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:10")
    answer = bytearray(frame)
    answer[6:12], answer[54] = THEIRS, 136
    assert on_wire.advertisement(bytes(answer)) == ("fd11::10", "02:00:0a:0b:00:0b")
    assert on_wire.advertisement(frame) is None


def test_a_discover_is_well_formed_and_only_its_own_offer_counts():
    frame = on_wire.dhcp_discover(MINE, b"abcd")
    assert on_wire.checksum(frame[14:34]) == 0
    message = frame[42:]
    assert (message[0], message[4:8], message[10:12]) == (1, b"abcd", b"\x80\x00")
    assert message[28:34] == MINE and message[236:240] == bytes.fromhex("63825363")
    assert message[240:244] == b"\x35\x01\x01\xff"
    offer = bytearray(frame)
    offer[6:12], offer[34:38], offer[42] = THEIRS, struct.pack("!HH", 67, 68), 2
    assert on_wire.dhcp_offer(bytes(offer), b"abcd") == "02:00:0a:0b:00:0b"
    assert on_wire.dhcp_offer(bytes(offer), b"other") is None
    assert on_wire.dhcp_offer(frame, b"abcd") is None


def test_what_an_agent_has_left_is_told_from_what_it_started_to_stay():
    agent = "/usr/bin/python3 -IS /usr/lib/ocf/resource.d/heartbeat/xcat-pgsql monitor"
    processes = {
        1: (0, "systemd", "/sbin/init", False),
        50: (1, "pacemaker-execd", "/usr/lib/pacemaker/pacemaker-execd", False),
        60: (50, "xcat-pgsql", agent, True),
        61: (60, "psql", "psql -c 1", True),
        70: (1, "postgres", "/usr/lib/postgresql/15/bin/postgres", True),
        80: (1, "xcat-pgsql", agent, True),
        81: (1, "makedns", "makedns -n", True),
        90: (1, "sshd", "sshd", False),
    }
    assert [one["pid"] for one in on_node.leftovers(processes)] == [80, 81]

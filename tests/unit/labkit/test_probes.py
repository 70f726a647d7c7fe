"""What the prober says and how it judges what it hears."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest
from hypothesis import given, strategies
from labkit import probes

OWN, MAC = "10.11.0.101", "02:00:0a:0b:00:65"


def dns_answer(address: str, code: int = 0) -> bytes:
    """Return an answer as BIND gives it: the question, then one record that points back to it."""
    question = probes.dns_question(b"ab", "cn1.cluster.test")[12:]
    record = b"\xc0\x0c\0\1\0\1\0\1Q\x80\0\4" + socket.inet_aton(address)
    return b"ab\x85" + bytes([0x80 | code]) + b"\0\1\0\1\0\0\0\0" + question + record


def test_a_dns_question_is_one_that_a_server_understands() -> None:
    packet = probes.dns_question(b"\x12\x34", "cn1.cluster.test")
    assert packet == b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x03cn1\x07cluster\x04test\0\0\1\0\1"


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (dns_answer(OWN), ""),
        (dns_answer("10.11.0.9"), f"the answer does not give {OWN}"),
        (dns_answer(OWN, code=3), "response code 3"),
        (dns_answer(OWN)[:30], f"the answer does not give {OWN}"),
        (probes.dns_question(b"ab", "cn1.cluster.test"), "not an answer"),
        (b"", "not an answer"),
    ],
)
def test_a_dns_answer_must_give_the_address(packet: bytes, problem: str) -> None:
    assert probes.dns_problem(packet, OWN) == problem


def dhcp_reply(kind: int = 5, address: str = OWN, lease: bool = True) -> bytes:
    head = struct.pack("!BBBB4sHH4s4s", 2, 1, 6, 0, b"abcd", 0, 0, b"\0" * 4, b"\0" * 4)
    head = (head[:16] + socket.inet_aton(address)).ljust(236, b"\0") + b"\x63\x82\x53\x63"
    options = bytes([53, 1, kind, 0, 0]) + (b"\x33\x04\0\0\xa8\xc0" if lease else b"") + b"\xff"
    return head + options


def test_a_renewal_asks_as_rfc_2131_says() -> None:
    packet = probes.dhcp_renewal(b"abcd", OWN, MAC)
    assert packet[:4] == b"\x01\x01\x06\x00"
    assert packet[4:8] == b"abcd"
    assert packet[12:16] == socket.inet_aton(OWN)  # ciaddr
    assert packet[28:34] == bytes.fromhex("02000a0b0065")
    assert probes.dhcp_option(packet, 53) == b"\x03"  # DHCPREQUEST
    assert probes.dhcp_option(packet, 50) is None  # no requested address
    assert probes.dhcp_option(packet, 54) is None  # no server identifier
    assert len(packet) >= 300  # BOOTP's least length


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (dhcp_reply(), ""),
        (dhcp_reply(kind=6), "DHCPNAK"),
        (dhcp_reply(kind=2), "DHCP message type 2"),
        (dhcp_reply(address="10.11.0.200"), "another address is given: 10.11.0.200"),
        (dhcp_reply(lease=False), "no lease time"),
        (probes.dhcp_renewal(b"abcd", OWN, MAC), "not a DHCP reply"),
        (b"\x02short", "not a DHCP reply"),
    ],
)
def test_only_an_acknowledgement_renews(packet: bytes, problem: str) -> None:
    assert probes.dhcp_problem(packet, OWN) == problem


SITE = b'<xcatresponse><data>#key,value</data><data>"domain","cluster.test"</data></xcatresponse>'
END = b"<xcatresponse><serverdone></serverdone></xcatresponse>"
DENIED = b"<xcatresponse><error>Permission denied for request</error></xcatresponse>"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (SITE + END, ""),
        (SITE, "the answer breaks off"),
        (END, "the site table is empty"),
        (DENIED + END, "Permission denied for request"),
        (b"", "the answer breaks off"),
    ],
)
def test_xcatd_must_give_the_whole_table(data: bytes, problem: str) -> None:
    assert probes.xcatd_problem(data) == problem


def test_a_request_to_xcatd_is_escaped() -> None:
    request = probes.xcatd_request("tabdump", "a<b")
    assert b"<command>tabdump</command><arg>a&lt;b</arg>" in request


@given(strategies.binary(max_size=600))
def test_no_packet_breaks_the_prober(packet: bytes) -> None:
    assert probes.dns_problem(packet, OWN) or packet
    assert probes.dhcp_problem(packet, OWN) or packet[236:240] != b""


class Results(probes.Log):
    """Keeps what a probe reports."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[float, str]] = []

    def write(self, probe: str, sent: float, problem: str) -> None:
        self.lines.append((sent, problem))


def test_lost_answers_do_not_slow_the_questions_down() -> None:
    """A server that answers only late: questions go on, each answer finds its own question."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    port = server.getsockname()[1]
    settings = probes.Settings("127.0.0.1", "127.0.0.1", MAC, "x", "", 0.02, 0.2)
    probe = probes.Datagrams(
        "test", settings, port, lambda identity: identity, lambda packet: packet, lambda _: ""
    )
    log, stop = Results(), threading.Event()
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        runner = threading.Thread(target=probe.run, args=(endpoint, 4, log, stop))
        runner.start()
        try:
            held = [server.recvfrom(64) for _ in range(5)]
            server.sendto(held[3][0], held[3][1])
            deadline = time.monotonic() + 5
            while len(log.lines) < 8 and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            stop.set()
            runner.join(5)
    good = [sent for sent, problem in log.lines if not problem]
    lost = [sent for sent, problem in log.lines if problem]
    assert len(good) == 1
    assert all(problem in ("", "no answer within 200 ms") for _, problem in log.lines)
    # The first three were given up only after the fourth had been answered.
    assert sum(sent < good[0] for sent in lost) == 3

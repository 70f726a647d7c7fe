"""The one-packet question against answers of every kind, and the host that a start looks up."""

from __future__ import annotations

import socket
import threading

import pytest
from xcat_hamn.services.dns import known_hosts
from xcat_hamn.services.dns_query import is_answer, question, soa_problem, verdict

ZONE = "cluster.test"


def answer(query, code=0, authoritative=True, answers=1):
    flags = bytes([0x80 | (4 if authoritative else 0), code])
    return query[:2] + flags + query[4:6] + bytes([0, answers]) + query[8:]


def test_the_question_is_as_dig_sends_it():
    # Recorded: dig +norec +noedns cluster.test SOA, with id 0xabcd.
    recorded = "abcd00000001000000000000" + "07636c7573746572" + "0474657374" + "00" + "00060001"
    assert question(b"\xab\xcd", ZONE).hex() == recorded
    assert question(b"\xab\xcd", ZONE + ".").hex() == recorded


@pytest.mark.parametrize(
    ("code", "authoritative", "answers", "words"),
    [
        (0, True, 1, None),
        (5, False, 0, "REFUSED"),
        (2, False, 0, "SERVFAIL"),
        (11, False, 0, "11"),
        (0, False, 1, "not as the server of zone"),
        (0, True, 0, "not as the server of zone"),
    ],
)
def test_only_an_authoritative_answer_is_right(code, authoritative, answers, words):
    found = verdict(answer(question(b"ab", ZONE), code, authoritative, answers), ZONE)
    assert found is None if words is None else words in found


def test_strangers_packets_are_no_answers():
    query = question(b"ab", ZONE)
    assert is_answer(answer(query), b"ab")
    assert not is_answer(answer(query), b"ba")
    assert not is_answer(query, b"ab")
    assert not is_answer(b"ab\x80", b"ab")


@pytest.fixture
def server():
    """A name server on loopback that answers what the test says, None for silence."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.bind(("127.0.0.1", 0))
    replies = []

    def serve():
        while True:
            query, peer = endpoint.recvfrom(512)
            if not query:
                return
            for reply in replies.pop(0)(query) if replies else [answer(query)]:
                endpoint.sendto(reply, peer)

    thread = threading.Thread(target=serve)
    thread.start()
    port = endpoint.getsockname()[1]
    yield port, replies
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"", ("127.0.0.1", port))
    thread.join()
    endpoint.close()


def test_asking_over_the_wire(server):
    port, replies = server
    assert soa_problem("127.0.0.1", ZONE, port=port) is None
    replies.append(lambda query: [answer(query, 5)])
    assert "REFUSED" in soa_problem("127.0.0.1", ZONE, port=port)


def test_a_lost_packet_and_a_late_one_do_no_harm(server):
    port, replies = server
    replies.append(lambda query: [])
    replies.append(lambda query: [answer(b"zz" + query[2:]), answer(query)])
    assert soa_problem("127.0.0.1", ZONE, timeout=0.2, port=port) is None


def test_silence_and_a_closed_port_have_their_sentences(server):
    port, replies = server
    replies += [lambda query: []] * 2
    assert "did not answer within 0 s" in soa_problem("127.0.0.1", ZONE, timeout=0.1, port=port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        free = closed.getsockname()[1]
    assert "does not take questions" in soa_problem("127.0.0.1", ZONE, port=free)


HOSTS = """\
127.0.0.1 localhost cn0
fd11::101 cn1.cluster.test cn1
10.11.0.101 cn1.cluster.test cn1   # rack 1
10.11.0.102 cn2
10.12.0.103 cn3
10.11.0.104 cn4.other.test cn4
not-an-address cn5
"""
NETWORKS = [
    {"net": "10.11.0.0", "mask": "/24"},
    {"net": "10.12.0.0", "mask": "255.255.255.0", "domain": "other.test"},
    {"net": "fd11::/64", "mask": "/64"},  # as xCAT writes it
    {"net": "10.13.0.0", "mask": ""},
    {"mask": "odd"},
]


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (["cn1"], [("cn1.cluster.test", "10.11.0.101")]),
        (["cn9", "cn2"], [("cn2.cluster.test", "10.11.0.102")]),
        (["cn0", "cn3", "cn4", "cn5", "rack"], []),
        ([], []),
    ],
)
def test_the_nodes_that_makedns_must_have_put_into_the_domain(nodes, found):
    assert known_hosts(HOSTS, nodes, "cluster.test", NETWORKS) == found


def test_without_networks_no_node_is_asked_for():
    assert known_hosts(HOSTS, ["cn1"], "cluster.test", []) == []

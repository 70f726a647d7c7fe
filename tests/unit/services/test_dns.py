"""The one-packet question against answers of every kind, and the host that a start looks up."""

from __future__ import annotations

import socket
import threading

import pytest
from xcat_hamn.services.dns import known_host
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
"""


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (["cn1"], ("cn1.cluster.test", "10.11.0.101")),
        (["cn9", "cn2", "cn1"], ("cn2.cluster.test", "10.11.0.102")),
        (["cn0", "rack"], None),
        ([], None),
    ],
)
def test_a_node_that_etc_hosts_knows(nodes, found):
    assert known_host(HOSTS, nodes, "cluster.test") == found

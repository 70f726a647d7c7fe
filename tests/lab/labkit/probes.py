"""The program that asks the management node's services from a compute node, again and again.

It is copied into the node and needs nothing but Python there. Every interval it asks for a DNS
answer, a DHCP lease renewal and a table of xcatd, all at the service address, and prints one JSON
object per question once it is answered or given up:

    {"probe": "dns", "sent": WALL, "done": WALL, "monotonic": SECONDS, "ok": true, "why": ""}

Questions overlap: a slow or lost answer never delays the next question, so that the resolution is
the interval also during an outage. The end of standard input ends the program, and with it the
death of whoever started it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from typing import Callable, NamedTuple
from xml.sax.saxutils import escape

DNS_PORT, DHCP_SERVER, DHCP_CLIENT, XCATD_PORT = 53, 67, 68, 3001


class Settings(NamedTuple):
    """Whom to ask, and as whom."""

    address: str
    own: str
    mac: str
    name: str
    credentials: str
    interval: float
    timeout: float


# -- what is said: pure functions -----------------------------------------------------------------


def dns_question(identity: bytes, name: str) -> bytes:
    """Return the question for the IPv4 address of ``name``; two bytes of identity (RFC 1035, 4)."""
    labels = b"".join(bytes([len(word)]) + word.encode() for word in name.strip(".").split("."))
    return identity + b"\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def dns_problem(packet: bytes, expected: str) -> str:
    """Return what is wrong with an answer: empty when it gives the ``expected`` address."""
    if len(packet) < 12 or not packet[2] & 0x80:
        return "not an answer"
    if packet[3] & 15:
        return f"response code {packet[3] & 15}"
    # The last record of a small answer is its address record; no name needs to be unpacked.
    wanted = b"\0\1\0\1", b"\0\4" + socket.inet_aton(expected)
    at = packet.find(wanted[1], 12)
    if at < 8 or packet[at - 8 : at - 4] != wanted[0]:
        return f"the answer does not give {expected}"
    return ""


def dhcp_renewal(identity: bytes, own: str, mac: str) -> bytes:
    """Return a DHCPREQUEST of a client in state RENEWING (RFC 2131, 4.3.2).

    In that state the client has its address (ciaddr), sends to one server and from that address,
    and names neither a server nor a requested address.
    """
    hardware = bytes.fromhex(mac.replace(":", ""))
    head = struct.pack(
        "!BBBB4sHH4s4s4s4s16s64s128s",
        *(1, 1, 6, 0, identity, 0, 0),
        socket.inet_aton(own),
        *(b"\0" * 4, b"\0" * 4, b"\0" * 4, hardware, b"", b""),
    )
    options = b"\x63\x82\x53\x63" + bytes([53, 1, 3, 55, 4, 1, 3, 6, 51, 255])
    return (head + options).ljust(300, b"\0")


def dhcp_problem(packet: bytes, own: str) -> str:
    """Return what is wrong with a reply: empty for a DHCPACK that renews ``own``."""
    kind = dhcp_option(packet, 53)
    if len(packet) < 240 or packet[0] != 2 or kind is None:
        return "not a DHCP reply"
    if kind != b"\x05":
        return {b"\x06": "DHCPNAK"}.get(kind, f"DHCP message type {kind[0]}")
    if packet[16:20] != socket.inet_aton(own):
        return f"another address is given: {socket.inet_ntoa(packet[16:20])}"
    return "" if dhcp_option(packet, 51) else "no lease time"


def dhcp_option(packet: bytes, wanted: int) -> bytes | None:
    """Return the value of an option of a DHCP message, None when it is not there."""
    at = 240
    while at + 1 < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        length = packet[at + 1]
        if packet[at] == wanted:
            return packet[at + 2 : at + 2 + length]
        at += 2 + length
    return None


def xcatd_request(command: str, argument: str) -> bytes:
    """Return the request that xCAT's client sends for ``command argument``."""
    words = [("command", command), ("arg", argument), ("clienttype", "cli")]
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in words)
    return f"<xcatrequest>{inner}</xcatrequest>\n".encode()


def xcatd_problem(data: bytes) -> str:
    """Return what is wrong with xcatd's answer: empty when it holds rows of the site table."""
    if b"<error>" in data:
        return data.partition(b"<error>")[2].partition(b"</error>")[0].decode(errors="replace")
    if b"<serverdone" not in data:
        return "the answer breaks off"
    return "" if b"domain" in data else "the site table is empty"


# -- asking ---------------------------------------------------------------------------------------


class Log:
    """Prints the results; wall times come from one reading of both clocks, so no step shows."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._lock = threading.Lock()

    def write(self, probe: str, sent: float, problem: str) -> None:
        """Print the outcome of the question that was sent at the monotonic time ``sent``."""
        done = time.monotonic()
        line = json.dumps(
            {
                "probe": probe,
                "sent": round(sent + self._offset, 6),
                "done": round(done + self._offset, 6),
                "monotonic": round(done, 6),
                "ok": not problem,
                "why": problem,
            }
        )
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


class Datagrams:
    """A probe over UDP: one socket, one thread, any number of open questions."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        port: int,
        question: Callable[[bytes], bytes],
        identity: Callable[[bytes], bytes],
        problem: Callable[[bytes], str],
    ) -> None:
        self._name, self._settings, self._port = name, settings, port
        self._question, self._identity, self._problem = question, identity, problem
        self._open: dict[bytes, float] = {}

    def run(self, endpoint: socket.socket, width: int, log: Log, stop: threading.Event) -> None:
        """Ask until told to stop; ``width`` is the number of bytes of an identity."""
        interval, patience = self._settings.interval, self._settings.timeout
        due = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            if now >= due:
                self._ask(endpoint, os.urandom(width), log)
                due = max(due + interval, now)
            for identity, sent in list(self._open.items()):
                if now - sent > patience:
                    del self._open[identity]
                    log.write(self._name, sent, f"no answer within {patience * 1000:.0f} ms")
            first = min(self._open.values(), default=due) + patience
            wait = max(0.0, min(due, first) - time.monotonic())
            if select.select([endpoint], [], [], wait)[0]:
                self._receive(endpoint, log)

    def _ask(self, endpoint: socket.socket, identity: bytes, log: Log) -> None:
        sent = time.monotonic()
        try:
            endpoint.sendto(self._question(identity), (self._settings.address, self._port))
        except OSError as problem:
            log.write(self._name, sent, str(problem.strerror))
            return
        self._open[identity] = sent

    def _receive(self, endpoint: socket.socket, log: Log) -> None:
        try:
            packet = endpoint.recv(4096)
        except OSError:
            return  # an ICMP error for an earlier question, which then runs out of time
        sent = self._open.pop(self._identity(packet), None)
        if sent is not None:
            log.write(self._name, sent, self._problem(packet))


def ask_dns(settings: Settings, log: Log, stop: threading.Event) -> None:
    """Ask for the address of a node that only xCAT's DNS knows."""
    probe = Datagrams(
        "dns",
        settings,
        DNS_PORT,
        lambda identity: dns_question(identity, settings.name),
        lambda packet: packet[:2],
        lambda packet: dns_problem(packet, settings.own),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind((settings.own, 0))
        probe.run(endpoint, 2, log, stop)


def ask_dhcp(settings: Settings, log: Log, stop: threading.Event) -> None:
    """Renew the lease of this node's own address."""
    probe = Datagrams(
        "dhcp",
        settings,
        DHCP_SERVER,
        lambda identity: dhcp_renewal(identity, settings.own, settings.mac),
        lambda packet: packet[4:8],
        lambda packet: dhcp_problem(packet, settings.own),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        endpoint.bind((settings.own, DHCP_CLIENT))
        probe.run(endpoint, 4, log, stop)


def ask_xcatd(settings: Settings, log: Log, stop: threading.Event) -> None:
    """Read xCAT's site table over TLS; each request in a thread of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # xCAT's clients check the chain, not the server's name
    context.load_verify_locations(f"{settings.credentials}/ca.pem")
    context.load_cert_chain(f"{settings.credentials}/client-cred.pem")
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        arguments = (settings, context, log)
        threading.Thread(target=_read_table, args=arguments, daemon=True).start()
        due = max(due + settings.interval, time.monotonic())


def _read_table(settings: Settings, context: ssl.SSLContext, log: Log) -> None:
    sent = time.monotonic()
    try:
        data = _exchange(settings, context, sent + settings.timeout)
        problem = xcatd_problem(data)
    except (socket.timeout, TimeoutError):
        problem = f"no answer within {settings.timeout * 1000:.0f} ms"
    except OSError as error:
        problem = str(error.strerror or error)
    log.write("xcatd", sent, problem)


def _exchange(settings: Settings, context: ssl.SSLContext, deadline: float) -> bytes:
    def left() -> float:
        return max(0.001, deadline - time.monotonic())

    data = b""
    with socket.create_connection((settings.address, XCATD_PORT), left()) as plain:
        plain.settimeout(left())
        with context.wrap_socket(plain) as secure:
            secure.sendall(xcatd_request("tabdump", "site"))
            while b"<serverdone" not in data:
                secure.settimeout(left())
                piece = secure.recv(65536)
                if not piece:
                    break
                data += piece
    return data


PROBES = {"dns": ask_dns, "dhcp": ask_dhcp, "xcatd": ask_xcatd}


def main(arguments: list[str]) -> int:
    """Ask until standard input ends."""
    grammar = argparse.ArgumentParser(description=__doc__)
    for option in ("address", "own", "mac", "name", "credentials"):
        grammar.add_argument(f"--{option}", required=True)
    grammar.add_argument("--interval", type=float, default=0.2)
    grammar.add_argument("--timeout", type=float, default=0.5)
    settings = Settings(**vars(grammar.parse_args(arguments)))
    stop, log = threading.Event(), Log()
    threads = [
        threading.Thread(target=ask, args=(settings, log, stop), name=name, daemon=True)
        for name, ask in PROBES.items()
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(2 * settings.timeout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The program that asks the whole wire, from a compute node, who has an address and serves DHCP.

`on_wire.py INTERFACE ADDRESS... ` sends an ARP request or a neighbor solicitation for each address
and one DHCPDISCOVER, listens, and prints one JSON object: for each address, and for "dhcp", the
sorted hardware addresses of all that have answered. Frames are read and written raw, so that no
cache of the kernel and no running DHCP client comes between. Standard library only.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time

ALL = 0x0003
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
EVERYBODY = b"\xff" * 6
LISTEN_SECONDS = 1.2
#: Questions may get lost while a bridge port or a daemon comes up.
ASK_AGAIN_SECONDS = 0.4


def hardware(text: str) -> bytes:
    """Return the six bytes of a hardware address."""
    return bytes.fromhex(text.replace(":", ""))


def readable(data: bytes) -> str:
    """Return a hardware address as ip(8) prints it."""
    return ":".join(f"{byte:02x}" for byte in data)


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp_request(mine: bytes, source: str, target: str) -> bytes:
    """Return the frame that asks everybody who has `target` (RFC 826)."""
    head = EVERYBODY + mine + struct.pack("!H", ARP)
    body = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1)
    return head + body + mine + socket.inet_aton(source) + b"\0" * 6 + socket.inet_aton(target)


def arp_answer(frame: bytes) -> tuple[str, str] | None:
    """Return the address and the hardware address that an ARP reply tells, None for all else."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06" or frame[20:22] != b"\0\2":
        return None
    return socket.inet_ntoa(frame[28:32]), readable(frame[22:28])


def solicitation(mine: bytes, source: str, target: str) -> bytes:
    """Return the frame that asks who has the IPv6 address `target` (RFC 4861, 4.3)."""
    wanted = socket.inet_pton(socket.AF_INET6, target)
    group = bytes.fromhex("ff0200000000000000000001ff") + wanted[-3:]
    sender = socket.inet_pton(socket.AF_INET6, source)
    body = struct.pack("!BBHI", 135, 0, 0, 0) + wanted + b"\x01\x01" + mine
    pseudo = sender + group + struct.pack("!I3xB", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    packet = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + sender + group + body
    return b"\x33\x33" + group[-4:] + mine + struct.pack("!H", IPV6) + packet


def advertisement(frame: bytes) -> tuple[str, str] | None:
    """Return the address and its holder that a neighbor advertisement tells, None for all else."""
    if len(frame) < 78 or frame[12:14] != b"\x86\xdd" or frame[20] != 58 or frame[54] != 136:
        return None
    return socket.inet_ntop(socket.AF_INET6, frame[62:78]), readable(frame[6:12])


def dhcp_discover(mine: bytes, identity: bytes) -> bytes:
    """Return a broadcast DHCPDISCOVER whose answer is broadcast too (RFC 2131)."""
    head = struct.pack("!BBBB4sHH16s16s192s", 1, 1, 6, 0, identity, 0, 0x8000, b"", mine, b"")
    message = (head + bytes.fromhex("63825363350101ff")).ljust(300, b"\0")
    udp = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    total = 20 + len(udp)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 17, 0, b"", b"\xff" * 4)
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return EVERYBODY + mine + struct.pack("!H", IPV4) + header + udp


def dhcp_offer(frame: bytes, identity: bytes) -> str | None:
    """Return the hardware address of who has answered the DISCOVER `identity`, if this is one."""
    if len(frame) < 282 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = 14 + (frame[14] & 15) * 4
    if frame[udp : udp + 4] != struct.pack("!HH", 67, 68):
        return None
    message = frame[udp + 8 :]
    return readable(frame[6:12]) if message[:1] == b"\2" and message[4:8] == identity else None


def own_addresses(interface: str) -> tuple[bytes, str, str]:
    """Return the hardware address, and an address of either version, of an interface."""
    with open(f"/sys/class/net/{interface}/address", encoding="ascii") as stream:
        mine = hardware(stream.read().strip())
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    import fcntl

    answer = fcntl.ioctl(probe, 0x8915, struct.pack("256s", interface.encode()))  # SIOCGIFADDR
    probe.close()
    with open("/proc/net/if_inet6", encoding="ascii") as stream:
        rows = [line.split() for line in stream]
    mine6 = [row[0] for row in rows if row[5] == interface]
    link_local = next(text for text in mine6 if text.startswith("fe80"))
    return (
        mine,
        socket.inet_ntoa(answer[20:24]),
        socket.inet_ntop(socket.AF_INET6, bytes.fromhex(link_local)),
    )


def ask(interface: str, addresses: list[str]) -> dict[str, list[str]]:
    """Ask, listen, and return who has answered for each address and for "dhcp"."""
    mine, ipv4, ipv6 = own_addresses(interface)
    identity = os.urandom(4)
    questions = [dhcp_discover(mine, identity)]
    for address in addresses:
        six = ":" in address
        questions.append(
            solicitation(mine, ipv6, address) if six else arp_request(mine, ipv4, address)
        )
    found: dict[str, set[str]] = {name: set() for name in ("dhcp", *addresses)}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as wire:
        wire.bind((interface, ALL))
        end = time.monotonic() + LISTEN_SECONDS
        due = 0.0
        while time.monotonic() < end:
            if time.monotonic() >= due:
                for frame in questions:
                    wire.send(frame)
                due = time.monotonic() + ASK_AGAIN_SECONDS
            if select.select([wire], [], [], 0.05)[0]:
                frame = wire.recv(4096)
                _note(frame, mine, identity, found)
    return {name: sorted(who) for name, who in found.items()}


def _note(frame: bytes, mine: bytes, identity: bytes, found: dict[str, set[str]]) -> None:
    if frame[6:12] == mine:
        return
    told = arp_answer(frame) or advertisement(frame)
    if told and told[0] in found:
        found[told[0]].add(told[1])
    server = dhcp_offer(frame, identity)
    if server:
        found["dhcp"].add(server)


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1], sys.argv[2:])))

"""A DHCP question whose answer costs no lease, asked on the server's own host.

Tried in a network namespace with ISC dhcpd 4.4.3-P1 and Kea 2.2.0 (Debian 12):

- DHCPINFORM from the service address, sent to 255.255.255.255: both answer in under a millisecond,
  no lease is taken, and nothing in the answer depends on the hardware address.  dhcpd sees our
  packet leave through its packet socket.  It ignores the question when the subnet is not
  "authoritative"; xCAT writes that into every subnet.
- The same sent to the service address itself: no answer, for it never leaves through the
  interface that dhcpd listens on.
- DHCPDISCOVER: an answer, but it reserves an address of the pool for two minutes, and the offer
  goes out as a frame that no socket of this host receives.

dhcpd routes its answer to us over loopback; Kea puts it onto the wire itself, where only a packet
socket that also sees outgoing frames can read it.  So answers are read from such a socket, which
also leaves port 68 to whoever holds it (dhclient, NetworkManager).
"""

from __future__ import annotations

import os
import socket
import struct

from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.system.deadline import Deadline

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL of linux/if_ether.h: outgoing frames too
_UDP = 17
_REPLY = 2
_MAGIC = b"\x63\x82\x53\x63"
_INFORM = bytes([53, 1, 8, 55, 3, 1, 3, 6, 255])
_ACK = bytes([53, 1, 5])
#: Locally administered, so that no real client is mistaken for this one.
_HARDWARE = b"\x02xCATn"
_AGAIN_AFTER = 1.0


def inform(identity: bytes, address: str) -> bytes:
    """Return a DHCPINFORM (RFC 2131, 4.4.3) with transaction id ``identity`` from ``address``."""
    head = struct.pack(
        "!BBBB4sHH4s4s4s4s16s64s128s",
        *(1, 1, 6, 0, identity, 0, 0),
        socket.inet_aton(address),
        *(b"\0" * 4, b"\0" * 4, b"\0" * 4, _HARDWARE, b"", b""),
    )
    return (head + _MAGIC + _INFORM).ljust(300, b"\0")


def is_acknowledgement(packet: bytes, identity: bytes) -> bool:
    """Tell whether the IPv4 ``packet`` is a DHCPACK for transaction ``identity``."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != _UDP:
        return False
    message = packet[(packet[0] & 15) * 4 + 8 :]
    return message[:1] == bytes([_REPLY]) and message[4:8] == identity and _ACK in message[240:]


def probe(address: str, deadline: Deadline) -> None:
    """Return when a DHCP server on this host answered a client that has ``address``.

    Raises HamnError when none does.  Needs root (a packet socket).
    """
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            client.bind((address, 0))
        except OSError as problem:
            raise HamnError(
                f"{address} is not an address of this node ({problem.strerror}): start "
                "xcat-mnidentity first"
            ) from None
        while deadline.left() > 0:
            identity = os.urandom(4)
            client.sendto(inform(identity, address), ("255.255.255.255", 67))
            if _answered(wire, identity, deadline.sooner(_AGAIN_AFTER)):
                return
    raise HamnError(
        f"no DHCPACK for a DHCPINFORM from {address} within {deadline.total:.0f} s: check that the "
        "network of that address is in xCAT's networks table and its interface in "
        "site.dhcpinterfaces"
    )


def _answered(wire: socket.socket, identity: bytes, patience: Deadline) -> bool:
    while patience.left() > 0:
        wire.settimeout(max(0.001, patience.left()))
        try:
            packet, _ = wire.recvfrom(2048)
        except socket.timeout:
            return False
        if is_acknowledgement(packet, identity):
            return True
    return False

"""Messages between the two daemons: a length and a JSON object, over TCP."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from typing import Any

LENGTH = struct.Struct(">I")
Message = dict[str, Any]


class Channel:
    """A connection to the partner; one reader, many writers."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A partner that takes nothing any more must not hold the sender longer than HADR_TIMEOUT.
        whole = max(patience, 0.1)
        limit = struct.pack("ll", int(whole), int(whole % 1 * 1_000_000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def send(self, **message: Any) -> bool:
        """Send a message; tell whether it could be handed to the system."""
        data = json.dumps(message).encode()
        with self._sending:
            try:
                self._socket.sendall(LENGTH.pack(len(data)) + data)
            except OSError:
                return False
        return True

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, None when the connection has ended or `timeout` has passed."""
        try:
            self._socket.settimeout(timeout)
            head = self._exactly(LENGTH.size)
            data = self._exactly(LENGTH.unpack(head)[0]) if head else b""
            self._socket.settimeout(None)
        except OSError:
            return None
        return json.loads(data) if data else None

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                return b""
            parts += part
        return parts

    def close(self) -> None:
        """End the connection; a reader that waits wakes up."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def dial(host: str, port: int, local: str, patience: float) -> Channel | None:
    """Connect to a partner from our own HADR address; None when it does not answer."""
    try:
        connection = socket.create_connection(
            (host, port), timeout=max(min(patience, 3.0), 0.2), source_address=(local, 0)
        )
    except OSError:
        return None
    connection.settimeout(None)
    return Channel(connection, patience)


def listen(host: str, port: int) -> socket.socket:
    """Serve an HADR address.  Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, port), family=family)
    server.settimeout(0.2)
    return server

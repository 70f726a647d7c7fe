"""How programs reach the daemon of an instance, and a small library for SQL from Python.

connection = connect("xcatdb", home="/var/lib/db2")         # raises Down or Refusal
connection = dial("xcatdb", "10.11.0.10", 50001, user, password)    # from another host
rows = connection.execute("SELECT * FROM site WHERE key = ?", ["master"])
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from .home import Home


class Down(Exception):
    """The instance does not answer, or has ended meanwhile."""


class Refusal(Exception):
    """The database refuses; `code` is the code of its message."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(" ".join(text.split()))
        self.code = code


@contextlib.contextmanager
def socket_path(home: Home) -> Iterator[str]:
    """Give a short path to the daemon's socket: a socket's own path is limited to 107 bytes."""
    directory = os.open(home.own, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/socket"
    finally:
        os.close(directory)


def _dial(home: Home) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with socket_path(home) as path:
            connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def ask(home: Home, request: dict[str, Any]) -> dict[str, Any] | None:
    """Ask the daemon; None when the instance is down."""
    connection = _dial(home)
    if connection is None:
        return None
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        try:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            line = stream.readline()
        except OSError:
            return None
    return json.loads(line) if line else None


class Connection:
    """A connection to a database, for one caller at a time; every statement is committed."""

    def __init__(self, found: socket.socket, tag: str) -> None:
        self._identity = [os.getpid(), tag]
        self._socket = found
        self._stream = found.makefile("rw", encoding="utf-8")

    def ask(self, verb: str, text: str, values: Sequence[Any] = ()) -> dict[str, Any]:
        """Send one command.  Raises Down or Refusal."""
        request = {
            "verb": verb,
            "text": text,
            "values": list(values),
            "session": self._identity,
            "confirmed": False,
            "bare": True,
        }
        try:
            self._stream.write(json.dumps(request) + "\n")
            self._stream.flush()
            line = self._stream.readline()
        except OSError as error:
            raise Down(str(error)) from None
        if not line:
            raise Down("SQL1224N  The database manager has ended.")
        reply: dict[str, Any] = json.loads(line)
        if reply["rc"] >= 4:
            raise Refusal(reply["code"], reply["text"])
        return reply

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[list[Any]]:
        """Run a statement; return its rows.  Raises Down or Refusal."""
        rows: list[list[Any]] = self.ask("sql", statement, values).get("rows", [])
        return rows

    def abandon(self) -> None:
        """Drop a connection that is of no use any more, without a word."""
        for end in (self._stream, self._socket):
            with contextlib.suppress(OSError):
                end.close()

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(Down, Refusal):
            self.ask("command", "TERMINATE")
        self._stream.close()
        self._socket.close()


def connect(name: str, home: str, user: str = "", password: str = "") -> Connection:
    """Connect to a database of this host.  Raises Down or Refusal."""
    found = _dial(Home(home))
    if found is None:
        raise Down("SQL1032N  No start database manager command was issued.")
    credentials = f" USER {user} USING {password}" if user else ""
    return _connected(found, f"CONNECT TO {name}{credentials}")


def dial(
    name: str, host: str, port: int, user: str, password: str, patience: float = 2.0
) -> Connection:
    """Connect to a database on another host.  Raises Down or Refusal."""
    try:
        found = socket.create_connection((host, port), patience)
        found.settimeout(None)
        keep_alive(found)
    except OSError as error:
        raise Down(f"SQL30081N  A communication error has been detected: {error}") from None
    return _connected(found, f"CONNECT TO {name} USER {user} USING {password}")


def _connected(found: socket.socket, command: str) -> Connection:
    connection = Connection(found, f"python{os.urandom(4).hex()}")
    try:
        connection.ask("command", command)
    except (Down, Refusal):
        found.close()
        raise
    return connection


def keep_alive(connection: socket.socket, seconds: int = 4) -> None:
    """Let a connection whose other end is gone be noticed within some seconds."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 1),
        (socket.TCP_KEEPINTVL, 1),
        (socket.TCP_KEEPCNT, seconds - 1),
        (socket.TCP_USER_TIMEOUT, seconds * 1000),
    ):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)

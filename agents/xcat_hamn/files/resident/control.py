"""The control socket: one JSON object a line, for root alone.

Asked: ``{"do": "status"}``; ``{"do": "sync", "sets": [...], "seconds": N}``: compare the named
sets, or all, now; ``{"do": "finish", "seconds": N}``: the last copy before a planned move.
Answered: lines ``{"done": false, "proven": [...], "missing": {SET: SENTENCE}}`` while it goes on,
and one with ``"done": true`` at the end.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

from xcat_hamn.files.resident.orders import FINISH, SYNC, Order, Standing

#: Bytes of one request at most; clients at once at most.
_LINE, _CLIENTS = 65536, 16

Status = Callable[[], dict[str, Any]]
Accept = Callable[[str, list[str], float], Order]
Look = Callable[[Order], Standing]


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self.order: Order | None = None
        self.told: dict[str, Any] = {}


class Control:
    """Listens at ``path`` and speaks with those who connect."""

    def __init__(self, path: str, selector: selectors.BaseSelector) -> None:
        self._path = path
        self._selector = selector
        self._clients: dict[int, _Client] = {}
        if os.path.lexists(path):
            os.unlink(path)  # of a process that was killed: the lock says that none lives
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._listening.bind(path)
        finally:
            os.umask(before)
        self._listening.listen(_CLIENTS)
        self._listening.setblocking(False)
        selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Hang up on everyone and remove the socket."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.unregister(self._listening)
        self._listening.close()
        os.unlink(self._path)

    def answer(self, status: Status, accept: Accept, look: Look) -> None:
        """Carry out what was asked, and tell those who wait how far it is."""
        for client in list(self._clients.values()):
            while b"\n" in client.heard and client.order is None:
                line, _, client.heard = client.heard.partition(b"\n")
                self._carry_out(client, line, status, accept)
            if client.order:
                self._tell(client, client.order, look)

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        if len(self._clients) >= _CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(client))

    def _read(self, client: _Client) -> None:
        try:
            piece = client.connection.recv(_LINE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        client.heard += piece
        if not piece or len(client.heard) > _LINE:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        number = client.connection.fileno()
        if self._clients.pop(number, None):
            self._selector.unregister(client.connection)
            client.connection.close()

    def _send(self, client: _Client, answer: dict[str, Any]) -> None:
        try:
            client.connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            self._drop(client)  # gone, or it does not read: nobody waits for it

    def _carry_out(self, client: _Client, line: bytes, status: Status, accept: Accept) -> None:
        try:
            asked = json.loads(line)
            what, names = asked["do"], list(asked.get("sets") or [])
            seconds = float(asked.get("seconds", 3600))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._send(client, {"done": True, "error": 'not a request: a JSON object with "do"'})
            return
        if what == "status":
            self._send(client, {"done": True, **status()})
            return
        known = [entry["name"] for entry in status()["sets"]]
        strange = [str(name) for name in names if name not in known]
        if what not in (SYNC, FINISH) or strange:
            problem = (
                f"there is no file set {', '.join(strange)}: the sets are {', '.join(known)}"
                if strange
                else f"{what!r} cannot be done: ask for status, sync or finish"
            )
            self._send(client, {"done": True, "error": problem})
            return
        client.order = accept(what, names, seconds)

    def _tell(self, client: _Client, order: Order, look: Look) -> None:
        found = look(order)
        answer = {
            "done": found.over,
            "proven": list(found.proven),
            "missing": dict(found.missing),
        }
        if answer != client.told:
            client.told = answer
            self._send(client, answer)
        if found.over:
            client.order = None
            client.told = {}

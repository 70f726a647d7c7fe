"""Clients on other hosts: the port of SVCENAME, when db2set DB2COMM=TCPIP was said.

As with Db2 a client gives a user and a password, and is gone when its connection is.  What is said
on the wire is the stand-in's own (wire of client.py), not DRDA.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from typing import Any, Callable

from .client import keep_alive
from .configuration import service_port
from .instance import Instance
from .messages import Refused, exit_code, wrap
from .sessions import Session

Answer = Callable[[Instance, "dict[str, Any]", int], "dict[str, Any]"]
_CONNECT = re.compile(r"CONNECT\s+TO\s+\S+\s+USER\s+\S+\s+USING\s+\S+", re.IGNORECASE)
#: Nobody's: what a client on the wire is to the operating system here.
_NOBODY = 65534


class RemoteSession(Session):
    """A client on another host, known by its connection."""

    def __init__(self, key: str) -> None:
        super().__init__(key, 0, "remote")

    def alive(self) -> bool:
        """Tell that it is there: whoever reads its connection ends it."""
        return True


def serve(instance: Instance, answer: Answer) -> None:
    """Begin to serve clients on the wire, if that was asked for."""
    port = service_port(str(instance.manager.get("SVCENAME", "")) or "0")
    if "TCPIP" not in instance.home.registry().get("DB2COMM", "").upper() or not port:
        return
    server = socket.create_server(
        ("::", port), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True
    )
    threading.Thread(target=_accept, args=(instance, answer, server), daemon=True).start()


def _accept(instance: Instance, answer: Answer, server: socket.socket) -> None:
    while True:
        connection, peer = server.accept()
        keep_alive(connection)
        key = f"{peer[0]}:{peer[1]}"
        threading.Thread(
            target=_serve_one, args=(instance, answer, connection, key), daemon=True
        ).start()


def _serve_one(instance: Instance, answer: Answer, connection: socket.socket, key: str) -> None:
    session = RemoteSession(f"0::{key}")
    try:
        with connection, connection.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                # What it calls itself means nothing here: it is known by its connection.
                request = {**json.loads(line), "session": [0, key]}
                instance.sessions[session.key] = session
                reply = answer(instance, request, _NOBODY) if _may(request) else _refused()
                stream.write(json.dumps(reply) + "\n")
                stream.flush()
    except (OSError, ValueError):
        return
    finally:
        instance.end_session(session)


def _may(request: dict[str, Any]) -> bool:
    """Tell whether it asks for SQL, a connection with a password, or the end of it."""
    text = str(request.get("text", ""))
    if request["verb"] == "command":
        return bool(_CONNECT.fullmatch(text)) or text.upper() == "TERMINATE"
    return bool(request["verb"] == "sql")


def _refused() -> dict[str, Any]:
    refused = Refused("SQL1092N", "REMOTE")
    return {"rc": exit_code(refused.code), "text": wrap(refused.text()), "code": refused.code}

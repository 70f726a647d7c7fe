"""What xcatd does with one request: policy, faults on request, node range, command."""

from __future__ import annotations

import os
import time
from typing import Any, Callable

from . import system
from .commands import COMMANDS
from .context import Context
from .database import Database, DatabaseDownError, Row
from .wire import Message, Reply

FAULTS = "/etc/xcat/standin-faults"
# The real client with XCATBYPASS keeps trying for more than 60 s while the database is down.
BYPASS_TRIES = 60


def allowed(policies: list[Row], peer: str, command: str) -> bool:
    """Decide by the policy table: the first rule that fits, in the order of priority.

    *peer* is the common name of the client's certificate, empty without one.
    """
    for rule in sorted(policies, key=lambda row: float(row.get("priority", "0"))):
        name = rule.get("name", "")
        if name and not (peer and name in ("*", peer)):
            continue
        commands = rule.get("commands", "")
        if commands not in ("", "*") and command not in commands.split(","):
            continue
        return rule.get("rule", "").lower() in ("allow", "accept", "trusted")
    return False


def node_range(nodes: dict[str, Row], text: str) -> tuple[list[str], list[str]]:
    """Expand comma-separated node and group names; return (nodes, what fits none)."""
    found: list[str] = []
    missed = []
    for word in text.split(","):
        members = [
            name
            for name, row in nodes.items()
            if name == word or word in row.get("groups", "").split(",")
        ]
        if not members and word != "all":
            missed.append(word)
        found += [name for name in members if name not in found]
    return found, missed


def fault(command: str, reply: Reply) -> bool:
    """Do what /etc/xcat/standin-faults/COMMAND asks; return whether the command ends there.

    Its text: ``fail`` (exit code 1), ``slow SECONDS``, or ``hang`` (until the file is removed).
    """
    name = f"{FAULTS}/{command}"
    words = system.read(name).split()
    if not words:
        return False
    system.log(f"fault on request: {command} {' '.join(words)}")
    if words[0] == "slow" and len(words) > 1:
        time.sleep(float(words[1]))
    while words[0] == "hang" and os.path.exists(system.path(name)):
        time.sleep(0.2)
    if words[0] == "fail":
        reply.error(f"{command} fails on request ({FAULTS}/{command} of the xCAT stand-in)")
        return True
    return False


def handle(request: Message, peer: str, database: Database, host: str, reply: Reply) -> None:
    """Answer one request that came with the certificate of *peer*."""
    command = "".join(request.get("command", [])[:1])
    try:
        permitted = allowed(database.rows("policy"), peer, command)
    except DatabaseDownError as error:
        system.log(f"Unable to open policy data, denying ({error})")
        permitted = False
    if not permitted:
        system.log(f"Permission denied for request: peername={peer} command={command}")
        reply.error("Permission denied for request")
        return
    system.log(f"Allowing {command} {request.get('noderange', '')} {request.get('arg', '')}")
    if command not in COMMANDS:
        reply.send({"error": ["Unsupported request"]})
        return
    _execute(command, request, database, host, reply)


def _execute(command: str, request: Message, database: Database, host: str, reply: Reply) -> None:
    if fault(command, reply):
        return
    try:
        nodes: list[str] = []
        if request.get("noderange"):
            nodes, missed = node_range(database.by_node("nodelist"), request["noderange"][0])
            if missed:
                reply.error("Invalid nodes and/or groups in noderange: " + ",".join(missed))
                return
        context = Context(database, host, "noderange" in request)
        COMMANDS[command](context, list(request.get("arg", [])), nodes, reply)
    except (DatabaseDownError, system.CommandError, ValueError, OSError) as error:
        system.log(f"{command}: {error}")
        reply.error(str(error))


def bypass(request: Message, show: Callable[[Message], Any]) -> None:
    """Run a command in this process (XCATBYPASS), trying long for the database."""
    database = Database()
    host = system.hostname().split(".")[0]
    for remaining in range(BYPASS_TRIES, 0, -1):
        try:
            database.rows("site")
            break
        except DatabaseDownError as error:
            if remaining == 1:
                print(f"Unable to open the database: {error}")
            time.sleep(1.5)

    def send(message: Message) -> None:
        show(
            {name: value if isinstance(value, list) else [value] for name, value in message.items()}
        )

    reply = Reply(send, host)
    _execute(request["command"][0], request, database, host, reply)

"""The daemon of an instance: it stands for db2sysc, and has its name."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import socket
import struct
import threading
import time
from typing import Any

from . import administration, commands, remote
from .backup import Prompt
from .client import ask, socket_path
from .home import Home, user_name
from .instance import Instance
from .messages import Refused, exit_code, wrap
from .processes import process_start
from .sessions import Session

MESSAGE = re.compile(r"(SQL|DB2)\d+[INWCE]  ")
NOT_CLP = (
    "DB21034E  The command was processed as an SQL statement because it was not a valid Command"
    " Line Processor command.  During SQL processing it returned:"
)
START_SECONDS = 10.0


def start(home: Home) -> bool:
    """Start the daemon of an instance; tell whether it answers."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            _become_daemon(home)
        os._exit(0)
    os.waitpid(child, 0)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if ask(home, {"verb": "ping"}) is not None:
            return True
        time.sleep(0.02)
    return False


def _become_daemon(home: Home) -> None:
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.open(
        f"{home.diagnostics}/standin-daemon.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
    )
    for target, descriptor in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(target, descriptor)
    os.closerange(3, 64)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(15, b"db2sysc", 0, 0, 0)
    try:
        serve(home)
    finally:
        os._exit(1)


def serve(home: Home) -> None:
    """Serve the local clients of an instance for ever."""
    with socket_path(home) as path:
        if os.path.lexists(path):
            os.unlink(path)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        os.chmod(path, 0o666)
    server.listen(64)
    instance = Instance(home)
    remote.serve(instance, _answer)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_serve_one, args=(instance, connection), daemon=True).start()


def _serve_one(instance: Instance, connection: socket.socket) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = struct.unpack("3i", credentials)
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            request = json.loads(line)
            reply = _answer(instance, request, uid)
            try:
                stream.write(json.dumps(reply) + "\n")
                stream.flush()
            except BrokenPipeError:
                return
            if reply.get("end"):
                os.unlink(f"{instance.home.own}/socket")
                os.unlink(instance.home.shared_memory)
                os._exit(0)


#: Importing it registers its commands.
assert administration


def _answer(instance: Instance, request: dict[str, Any], uid: int) -> dict[str, Any]:
    home = instance.home
    owner = uid == os.stat(home.sqllib).st_uid
    verb = request["verb"]
    try:
        if verb == "stop":
            if not owner:
                raise Refused("SQL1092N", user_name(uid).upper())
            instance.stop(force=request["force"])
            return {"rc": 0, "end": True}
        if verb == "ping":
            return {"rc": 0}
        session = _session(instance, request["session"], user_name(uid))
        if verb == "sql":
            columns, rows, count = session.execute(request["text"], request["values"], [])
            return {"rc": 0, "columns": columns, "rows": rows, "count": count}
        call = commands.Call(
            instance, session, request["confirmed"], request["bare"], owner, request["values"]
        )
        answer = commands.run(call, request["text"])
    except Prompt:
        return {"rc": 0, "prompt": wrap(Refused("SQL2539W").text())}
    except Refused as refused:
        return _refusal(refused, request, home.release)
    rc = exit_code(answer.warning) if answer.warning else 0
    return {"rc": rc, "text": _wrapped(answer.text), "code": answer.warning}


def _wrapped(text: str) -> str:
    return "\n".join(wrap(x) if MESSAGE.match(x) else x for x in text.split("\n"))


def _refusal(refused: Refused, request: dict[str, Any], release: str) -> dict[str, Any]:
    text = wrap(refused.text(release))
    words = request.get("text", "").split(None, 1)
    if (
        exit_code(refused.code) >= 4
        and words
        and words[0].upper()
        in (
            "INSERT",
            "UPDATE",
            "DELETE",
            "CREATE",
            "DROP",
            "ALTER",
            "MERGE",
        )
        and not commands.is_known(request["text"])
    ):
        text = f"{wrap(NOT_CLP)}\n{text}"
    return {
        "rc": exit_code(refused.code),
        "text": text,
        "code": refused.code,
        "reason": refused.reason,
    }


def _session(instance: Instance, identity: list[Any], user: str) -> Session:
    pid, tag = identity
    key = f"{pid}:{process_start(pid)}:{tag}"
    if key not in instance.sessions:
        instance.sessions[key] = Session(key, pid, user)
    return instance.sessions[key]

"""Asking the resident process; for the agent and the administrator's tool."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from xcat_hamn.errors import HamnError, NotRunning
from xcat_hamn.files.resident.places import Whereabouts

#: Seconds beyond those of an order until its answer must have come.
_GRACE = 5.0
Progress = Callable[[dict[str, Any]], None]


def status(where: Whereabouts, *, timeout: float = 5.0) -> dict[str, Any]:
    """Return what ``report.whole`` says.  Raises NotRunning, HamnError."""
    return _ask(where, {"do": "status"}, timeout, None)


def sync(
    where: Whereabouts,
    sets: Sequence[str] = (),
    *,
    seconds: float = 3600.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare ``sets`` (none: all) now and wait until they are proven equal.

    Return ``{"proven": [...], "missing": {SET: SENTENCE}}``; ``progress`` gets the same while it
    goes on.  Raises NotRunning, HamnError (an unknown set).
    """
    asked = {"do": "sync", "sets": list(sets), "seconds": seconds}
    return _ask(where, asked, seconds + _GRACE, progress)


def finish(
    where: Whereabouts, *, seconds: float, progress: Progress | None = None
) -> dict[str, Any]:
    """Make the last copy before a planned move, as ``sync`` but only of what is not proven."""
    return _ask(where, {"do": "finish", "seconds": seconds}, seconds + _GRACE, progress)


def _ask(
    where: Whereabouts, asked: dict[str, Any], timeout: float, progress: Progress | None
) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(timeout)
            connection.connect(where.socket)
            connection.sendall(json.dumps(asked).encode() + b"\n")
            return _answer(connection, time.monotonic() + timeout, progress)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                "the process that copies the files does not run on this node: it runs where "
                "xcat-files-clone is promoted (see `pcs status`)"
            ) from None
        except TimeoutError:
            raise HamnError(
                f"the process that copies the files did not answer within {timeout:.0f} s: look "
                f"at {where.log}"
            ) from None
        except OSError as problem:
            raise HamnError(
                f"the process that copies the files hung up ({problem.strerror}): look at "
                f"{where.log}"
            ) from None


def _answer(connection: socket.socket, end: float, progress: Progress | None) -> dict[str, Any]:
    heard = b""
    while True:
        connection.settimeout(max(0.01, end - time.monotonic()))
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError(0, "it ended")
        heard += piece
        while b"\n" in heard:
            line, _, heard = heard.partition(b"\n")
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise HamnError(str(answer["error"]))
            if answer["done"]:
                return answer
            if progress:
                progress(answer)

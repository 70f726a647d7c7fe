"""``xcat-hamn explain --db2pd FILE``: what the agent makes of a saved output of Db2."""

from __future__ import annotations

import sys

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.database.db2.decision import moment
from xcat_hamn.database.db2.explaining import Explanation, explain
from xcat_hamn.database.db2.hadr import Hadr
from xcat_hamn.errors import HamnError

#: More than db2pd ever prints for all databases of an instance, in bytes.
_LONGEST = 4 << 20


def explain_file(path: str, *, json: bool) -> int:
    """Print what ``path`` (- for standard input) says; raises HamnError when it cannot be read."""
    terminal = Terminal(quiet=json)
    found = explain(_read(path))
    if json:
        terminal.json(found.as_json())
    else:
        _print(terminal, found)
    return exits.OK


def _read(path: str) -> str:
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(_LONGEST)
        else:
            with open(path, "rb") as stream:
                raw = stream.read(_LONGEST)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise HamnError(
            f"cannot read {path}: {why}: give a file that holds what `db2pd -db NAME -hadr` printed"
        ) from None
    return raw.decode("utf-8", "replace")


def _print(terminal: Terminal, found: Explanation) -> None:
    if found.standbys:
        one = found.standbys[0]
        terminal.heading(f"{one.database or 'Database'} on {one.local_host or 'this node'}:")
    for label, text in (
        ("role", found.role),
        ("state", found.state),
        ("connection", found.connect_status),
    ):
        if text:
            terminal.columns((label, text), (11,))
    for one in found.standbys:
        terminal.heading(_title(one))
        for label, text in _rows(one):
            terminal.columns((label, text), (11,))
    say = terminal.good if found.promotable else terminal.bad
    say(found.reason)


def _title(one: Hadr) -> str:
    title = f"standby on {one.standby_host}" if one.standby_host else "standby"
    if one.standby_id:
        title += f", number {one.standby_id}"
    return title + (f", log stream {one.log_stream}" if one.log_stream else "") + ":"


def _rows(one: Hadr) -> list[tuple[str, str]]:
    known = "" if one.known or not one.state else " (not known to this version of xcat-hamn)"
    rows = [
        ("state", f"{one.state or 'none printed'}{known}"),
        ("connection", _since(one)),
        ("mode", one.syncmode),
        ("flags", " ".join(one.flags)),
        ("log gap", "" if one.log_gap is None else f"{one.log_gap} bytes, as a running average"),
    ]
    if one.peer_window_end:
        rows.append(("peer window", f"until {moment(one.peer_window_end)}"))
    for label, position in (("primary at", one.primary_log), ("standby at", one.standby_log)):
        if position is not None:
            rows.append((label, f"{position[2]} ({position[0]}, page {position[1]})"))
    return [(label, text) for label, text in rows if text]


def _since(one: Hadr) -> str:
    if one.connect and one.connected_at:
        return f"{one.connect} since {moment(one.connected_at)}"
    return one.connect

"""What a rejoin has in common whatever the database: the refusal, the question, the telling."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.rejoin.decision import Row, View, sentence
from xcat_hamn.system.foreground import interrupted_once


@dataclass(frozen=True)
class Way:
    """How one database rejoins.

    ``how``: its word in the JSON, ``shown``: what the JSON has beyond that.  ``explain`` prints
    what is lost and what is done, ``go`` does it and raises HamnError.  ``given_up``: what the
    operator consents to by typing the node's name, which ``may_ask`` allows to ask for.
    """

    how: str
    explain: Callable[[Terminal, View], None]
    go: Callable[[], None]
    given_up: str
    may_ask: Callable[[], bool]
    shown: Mapping[str, Any] = field(default_factory=dict)


def carry_out(
    terminal: Terminal,
    view: View,
    row: Row | None,
    way: Way,
    *,
    yes: bool,
    dry_run: bool,
    json: bool,
) -> int:
    """Do what the verb says, or say by ``row`` why not; return its exit code.  Raises HamnError."""
    code, done, said = exits.OK, False, ""
    if row is not None:
        said = sentence(row, view)
        terminal.note(f"xcat-hamn: {said}")
        code = exits.FAILED
    else:
        way.explain(terminal, view)
        if dry_run:
            terminal.good("Dry run: nothing was changed.")
        elif not yes and not _confirmed(terminal, view.node, way):
            code = exits.LOSS
        else:
            _go(terminal, view, way)
            done = True
    if json:
        terminal.json(_as_json(view, way, said, done=done))
    return code


def tell(terminal: Terminal, text: str) -> None:
    """Print a line; a terminal that has gone is no reason to stop half way."""
    with contextlib.suppress(OSError, SystemExit):
        terminal.line(text)


def _confirmed(terminal: Terminal, node: str, way: Way) -> bool:
    """Ask for the node's name; where nobody can be asked the answer is no."""
    if not way.may_ask():
        terminal.note(
            "xcat-hamn: there is no terminal to ask: nothing was changed; --yes goes on without "
            "asking"
        )
        return False
    answer = terminal.ask(f"Type {node} to {way.given_up}: ")
    if answer != node:
        terminal.note(f'xcat-hamn: "{answer}" is not {node}: nothing was changed')
    return answer == node


def _go(terminal: Terminal, view: View, way: Way) -> None:
    begun = time.monotonic()
    terminal.heading(f"{view.node} rejoins:")
    with interrupted_once():
        way.go()
    took = time.monotonic() - begun
    terminal.good(f"{view.node} is the standby of {view.primary} again, after {took:.0f} s.")


def _as_json(view: View, way: Way, problem: str, *, done: bool) -> dict[str, Any]:
    """Return the result for a program."""
    result: dict[str, Any] = {
        "node": view.node,
        "primary": view.primary,
        "how": way.how,
        "done": done,
        **way.shown,
    }
    if problem:
        result["errors"] = [problem]
    return result

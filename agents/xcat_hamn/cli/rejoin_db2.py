"""``xcat-hamn rejoin`` where the database is Db2: restore it from a backup of the primary's."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from xcat_hamn.cli import exits
from xcat_hamn.cli.setupview import View as StepView
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import Site
from xcat_hamn.database.db2.setup import nodes
from xcat_hamn.database.db2.setup.pair import Pair
from xcat_hamn.database.db2.setup.values import Options
from xcat_hamn.errors import CommandFailed
from xcat_hamn.rejoin.db2 import TABLE, Restorer
from xcat_hamn.rejoin.decision import View, refusal, sentence
from xcat_hamn.system.foreground import Foreground, interrupted_once

#: Seconds that a command of the cluster may take.
_COMMAND = 120.0


def rejoin(
    terminal: Terminal, cluster: Pacemaker, view: View, *, yes: bool, dry_run: bool, json: bool
) -> int:
    """Do what the verb says on a cluster that runs Db2.  Raises HamnError."""
    row = refusal(view, TABLE)
    code, done, said = exits.OK, False, ""
    if row is not None:
        said = sentence(row, view)
        terminal.note(f"xcat-hamn: {said}")
        code = exits.FAILED
    else:
        _explain(terminal, view)
        if dry_run:
            terminal.good("Dry run: nothing was changed.")
        elif not yes and not _confirmed(terminal, view.node, quiet=json):
            code = exits.LOSS
        else:
            _go(terminal, cluster, view, quiet=json)
            done = True
    if json:
        terminal.json(_as_json(view, said, done=done))
    return code


def _explain(terminal: Terminal, view: View) -> None:
    node, primary = view.node, view.primary
    what = "has parted from" if view.word == "diverged" else "does not follow"
    terminal.heading(f"The database on {node} {what} {primary}'s:")
    terminal.line(f"what was committed on {node} alone is not in {primary}'s, and is given up;")
    terminal.line(f"to keep it, back the database on {node} up first (db2 backup db, as its owner)")
    terminal.heading("What is done:")
    terminal.line(f"the cluster stops the database on {node}, and lets it be")
    terminal.line(f"{primary}'s database is backed up online and copied to {node} over ssh")
    terminal.line(f"it is restored over the one on {node}, with the parameters of HADR")
    terminal.line(f"the cluster starts it as the standby of {primary}")
    if view.files:
        terminal.line(view.files)


def _confirmed(terminal: Terminal, node: str, *, quiet: bool) -> bool:
    """Ask for the node's name; without a terminal the answer is no."""
    if quiet or not sys.stdin.isatty():
        terminal.note(
            "xcat-hamn: there is no terminal to ask: nothing was changed; --yes goes on without "
            "asking"
        )
        return False
    answer = terminal.ask(f"Type {node} to give its database up: ")
    if answer != node:
        terminal.note(f'xcat-hamn: "{answer}" is not {node}: nothing was changed')
    return answer == node


def _go(terminal: Terminal, cluster: Pacemaker, view: View, *, quiet: bool) -> None:
    site = load_site()

    def tell(text: str) -> None:
        # A terminal that has gone is no reason to stop half way.
        with contextlib.suppress(OSError, SystemExit):
            terminal.line(text)

    def do(argv: Sequence[str]) -> None:
        tell(f"$ {' '.join(argv)}")
        _wait(Foreground(argv, quiet=quiet), argv)

    begun = time.monotonic()
    terminal.heading(f"{view.node} rejoins:")
    restorer = Restorer(cluster, lambda: _connected(site, view), StepView(terminal), do, tell)
    with interrupted_once():
        restorer.restore(view.node)
    took = time.monotonic() - begun
    terminal.good(f"{view.node} is the standby of {view.primary} again, after {took:.0f} s.")


def _connected(site: Site, view: View) -> contextlib.AbstractContextManager[Pair]:
    return nodes.connected(site, Options(primary=view.primary, restore=True))


def _wait(process: Foreground, argv: Sequence[str]) -> None:
    end = time.monotonic() + _COMMAND
    try:
        code = process.ended()
        while code is None and time.monotonic() < end:
            time.sleep(0.05)
            code = process.ended()
    finally:
        process.stop()
    if code != 0:
        how = "did not end" if code is None else f"ended with {code}"
        raise CommandFailed(f"`{' '.join(argv)}` {how}: look at crm_mon for why")


def _as_json(view: View, problem: str, *, done: bool) -> dict[str, Any]:
    """Return the result for a program."""
    result: dict[str, Any] = {
        "node": view.node,
        "primary": view.primary,
        "how": "restore",
        "done": done,
    }
    if problem:
        result["errors"] = [problem]
    return result

"""``xcat-hamn rejoin`` where the database is Db2: restore it from a backup of the primary's."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence

from xcat_hamn.cli.rejoining import Way, carry_out, tell
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
from xcat_hamn.rejoin.decision import View, refusal
from xcat_hamn.system.foreground import Foreground

#: Seconds that a command of the cluster may take.
_COMMAND = 120.0


def rejoin(
    terminal: Terminal, cluster: Pacemaker, view: View, *, yes: bool, dry_run: bool, json: bool
) -> int:
    """Do what the verb says on a cluster that runs Db2.  Raises HamnError."""
    way = Way(
        "restore",
        _explain,
        lambda: _go(terminal, cluster, view, quiet=json),
        "give its database up",
        lambda: not json and sys.stdin.isatty(),
    )
    row = refusal(view, TABLE)
    return carry_out(terminal, view, row, way, yes=yes, dry_run=dry_run, json=json)


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


def _go(terminal: Terminal, cluster: Pacemaker, view: View, *, quiet: bool) -> None:
    site = load_site()

    def news(text: str) -> None:
        tell(terminal, text)

    def do(argv: Sequence[str]) -> None:
        news(f"$ {' '.join(argv)}")
        _wait(Foreground(argv, quiet=quiet), argv)

    steps = StepView(terminal)
    Restorer(cluster, lambda: _connected(site, view), steps, do, news).restore(view.node)


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

"""``xcat-hamn rejoin``: let a former primary follow the present one, without what only it has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from xcat_hamn.cli.rejoining import Way, carry_out, tell
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.status import DATABASE
from xcat_hamn.database.postgresql.installation import format_lsn
from xcat_hamn.database.postgresql.progress import Progress, path_of
from xcat_hamn.rejoin.decision import View, refusal
from xcat_hamn.rejoin.doing import Patience, Rejoiner, look
from xcat_hamn.system.foreground import Foreground
from xcat_hamn.system.runner import Runner
from xcat_hamn.takeover.engines import DB2


def command(
    node: str = typer.Argument(..., metavar="NODE", help="The node that was the primary."),
    copy: bool = typer.Option(
        False, "--copy", help="Copy the whole database anew instead of rewinding it."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask for the node's name."),
    dry_run: bool = typer.Option(False, "--dry-run", "-n", help="Show everything, change nothing."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Let the database of NODE, a former primary, follow the present one again.

    What only NODE has is not in the database any more afterwards, but kept on NODE beside the data
    directory. It says first what that is. The rest of the cluster is not disturbed. Files that only
    NODE has are kept in /var/lib/xcat-hamn/aside there, by the copy of files itself.

    A Db2 database cannot be rewound: it is restored from a backup of the primary's, and what only
    NODE has is given up.
    """
    terminal = Terminal(quiet=json)
    cluster = Pacemaker(Runner())
    view = look(cluster, node, copy=copy)
    if view.engine is DB2:
        from xcat_hamn.cli.rejoin_db2 import rejoin

        return rejoin(terminal, cluster, view, yes=yes, dry_run=dry_run, json=json)
    way = Way(
        "copy" if view.copy else "rewind",
        _explain,
        lambda: _go(terminal, cluster, view, quiet=json),
        "set this aside",
        lambda: sys.stdin.isatty(),
        _divergence(view),
    )
    return carry_out(terminal, view, refusal(view), way, yes=yes, dry_run=dry_run, json=json)


def _explain(terminal: Terminal, view: View) -> None:
    node, primary = view.node, view.primary
    if view.divergence is not None:
        terminal.heading(f"The database on {node} has parted from {primary}'s:")
        rows = view.divergence.lines(node)
        width = max(len(label) for label, _ in rows)
        for label, text in rows:
            terminal.columns((label, text), (width,))
    else:
        terminal.heading(f"The database on {node} does not follow {primary}'s.")
    terminal.heading("What is done:")
    kept = f"{view.parameters.get('pgdata', 'PGDATA')}.diverged-TIME on {node}"
    if view.copy:
        terminal.line(f"the whole database of {primary} is copied to {node}")
        terminal.line(f"the old one is moved to {kept} when the copy is complete")
    else:
        terminal.line(f"that part of the log is copied to {kept}")
        terminal.line("pg_rewind takes what was changed after the fork out of the database")
    terminal.line(f"{node} follows {primary} as its standby")
    if view.files:
        terminal.line(view.files)


def _go(terminal: Terminal, cluster: Pacemaker, view: View, *, quiet: bool) -> None:
    said: list[str] = []

    def news(text: str) -> None:
        # Two things are looked at in turn: each is told when it is news.
        if text in said[-2:]:
            return
        said.append(text)
        tell(terminal, text)

    def start(argv: Sequence[str]) -> Foreground:
        news(f"$ {' '.join(argv)}")
        return Foreground(argv, quiet=quiet)

    local = Progress(path_of(DATABASE))
    progress = local.last_line if _is_here(view.node) else _nothing
    Rejoiner(cluster, start, news, progress, Patience()).rejoin(view)


def _nothing() -> str:
    return ""


def _is_here(node: str) -> bool:
    """Tell whether ``node`` is the one on which this runs."""
    return Runner().run(["crm_node", "-n"], timeout=10).stdout.strip() == node


def _divergence(view: View) -> dict[str, Any]:
    """Return for a program how far the two databases have parted, nothing where they have not."""
    if view.divergence is None:
        return {}
    return {
        "divergence": {
            "timeline": view.divergence.timeline,
            "end": format_lsn(view.divergence.end),
            "fork": format_lsn(view.divergence.fork),
            "bytes": view.divergence.size,
            "transactions": view.divergence.commits,
        }
    }

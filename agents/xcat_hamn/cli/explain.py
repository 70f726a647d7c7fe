"""``xcat-hamn explain``: why it is so, node by node, and which command goes on."""

from __future__ import annotations

from typing import Optional

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.db2pd import explain_file
from xcat_hamn.cli.status import CODES, headline
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.errors import HamnError
from xcat_hamn.overview.report import SCORES, Node, report
from xcat_hamn.system.runner import Runner
from xcat_hamn.takeover.decision import Act


def command(
    node: str = typer.Argument("", metavar="[NODE]", help="Only this node."),
    db2pd: Optional[str] = typer.Option(  # noqa: UP007 - Typer evaluates it, on 3.9 too
        None, "--db2pd", metavar="FILE", help="Explain a saved `db2pd -hadr` instead (-: stdin)."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Explain each node: what its database is, whether it could take over, and why not.

    With the command that would go on from here. With --db2pd, explain a saved output of Db2 alone;
    the cluster is not asked.
    """
    if db2pd is not None:
        if node:
            raise HamnError(f"--db2pd explains a file and not a node: leave {node} out")
        return explain_file(db2pd, json=json)
    terminal = Terminal(quiet=json)
    found = report(Pacemaker(Runner()))
    nodes = [one for one in found.nodes if node in ("", one.name)]
    if not nodes:
        names = ", ".join(one.name for one in found.nodes)
        raise HamnError(f"{node} is no node of this cluster: its nodes are {names}")
    if json:
        result = found.as_json()
        result["nodes"] = [one for one in result["nodes"] if node in ("", one["name"])]
        terminal.json(result)
        return exits.OK if node else CODES[found.health]
    headline(terminal, found)
    for one in nodes:
        _explain(terminal, one, active=one.name == found.active)
    for failure in found.failures:
        terminal.heading("Failed:")
        terminal.line(failure)
    return exits.OK if node else CODES[found.health]


def _explain(terminal: Terminal, node: Node, *, active: bool) -> None:
    terminal.heading(f"{node.name}: {node.role}")
    rows = [("cluster", node.state)]
    if node.database:
        rows.append(("database", f"{node.database}: {node.meaning}"))
    if node.limit:
        rows.append(("limit", node.limit))
    if node.database or node.score:
        rows.append(
            ("promotion", f"{SCORES.get(node.score, node.score)} ({node.score or 'unset'})")
        )
    if not active:
        rows.append(("takeover", node.takeover.sentence))
        if node.takeover.act is Act.ASK:
            rows.append(("", f"`xcat-hamn takeover {node.name}` shows what would be lost"))
    for label, text in rows:
        terminal.columns((label, text), (9,))

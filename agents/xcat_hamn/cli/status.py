"""``xcat-hamn status``: how the management node is, on one page."""

from __future__ import annotations

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.overview.health import Health
from xcat_hamn.overview.report import Report, report
from xcat_hamn.system.runner import Runner

CODES = {Health.HEALTHY: exits.OK, Health.DEGRADED: exits.DEGRADED, Health.DOWN: exits.DOWN}


def command(
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Say how the management node is: who has the role, who could take over, what waits.

    The exit code says it too, for monitoring: 0 when all is well.
    """
    terminal = Terminal(quiet=json)
    found = report(Pacemaker(Runner()))
    if json:
        terminal.json(found.as_json())
    else:
        _print(terminal, found)
    return CODES[found.health]


def headline(terminal: Terminal, found: Report) -> None:
    """Print the one sentence, and what a fencing waits for."""
    if found.health is Health.HEALTHY:
        terminal.good(f"{found.sentence}.")
    else:
        terminal.bad(f"{found.sentence}.")
    if found.gate:
        terminal.line(found.gate, indent=0)


def _print(terminal: Terminal, found: Report) -> None:
    headline(terminal, found)
    terminal.heading("Nodes:")
    table = [(one.name, one.state, one.role, one.database or "-") for one in found.nodes]
    widths = [max(map(len, column)) + 1 for column in zip(*table)]
    for row, node in zip(table, found.nodes):
        terminal.columns(row, widths)
        if node.limit:
            terminal.line(node.limit, indent=4)
    if found.failures:
        terminal.heading("Failures:")
        for failure in found.failures:
            terminal.line(failure)

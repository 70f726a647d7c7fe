"""``xcat-hamn status``: how the management node is, on one page."""

from __future__ import annotations

import os
from dataclasses import replace

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.status import FILES
from xcat_hamn.files.places import Places
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.overview.files import NOTHING, Freshness, look
from xcat_hamn.overview.health import Health
from xcat_hamn.overview.report import Report, report
from xcat_hamn.system.runner import Runner

#: What is put before the paths of the copy of files.
UNDER = ""
CODES = {Health.HEALTHY: exits.OK, Health.DEGRADED: exits.DEGRADED, Health.DOWN: exits.DOWN}


def command(
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Say how the management node is: who has the role, who could take over, what waits.

    Run by root on a management node, it also says how fresh each file set is on the standby.

    The exit code says it too, for monitoring: 0 when all is well.
    """
    terminal = Terminal(quiet=json)
    runner = Runner()
    found = replace(report(Pacemaker(runner)), files=freshness(runner))
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


def freshness(runner: Runner) -> Freshness | None:
    """Look how fresh this node's files are; None for others than root."""
    node = runner.run(["crm_node", "-n"], timeout=10).stdout.strip() or os.uname().nodename
    try:
        return look(node, Places(UNDER), Whereabouts(FILES, UNDER))
    except PermissionError:
        return None


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
    if found.files and found.files.role != NOTHING:
        _print_files(terminal, found.files)


def _print_files(terminal: Terminal, files: Freshness) -> None:
    terminal.heading(files.sentence)
    width = max((len(one.name) for one in files.sets), default=0) + 1
    for one in files.sets:
        terminal.columns((one.name, one.shown), (width,))
    if files.contact:
        terminal.line(files.contact)

"""``xcat-hamn configure``: bring the cluster's configuration in line with the site file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from xcat_hamn.cli import declared, exits
from xcat_hamn.cli.planview import as_json, print_plan
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.configuring import Configurator
from xcat_hamn.cluster.fragments import directory
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, Site
from xcat_hamn.files import readiness
from xcat_hamn.files.places import Places
from xcat_hamn.system.runner import Runner


def command(
    file: str = typer.Option(
        DEFAULT_PATH, "--file", "-f", metavar="SITE", help="The site file to use."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", "-n", help="Show everything, change nothing."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Bring the cluster's configuration in line with the site file.

    Shows what changes in the configuration and what the cluster will do about it, in order, then
    changes it in one step. What others have configured stays; run again, it changes nothing.
    """
    terminal = Terminal(quiet=json)
    # As Pacemaker's own tools do: work on a saved CIB instead of the live one.
    saved = {name: os.environ[name] for name in ("CIB_file",) if os.environ.get(name)}
    pacemaker = Pacemaker(Runner(), saved)
    configurator = Configurator(
        load_site(file),
        pacemaker,
        directory(),
        declared.problems_with,
        _no_check if saved else _keys,
    )
    plan = configurator.plan()
    print_plan(terminal, plan, file, dry_run)
    pushed = plan.changed and not dry_run
    if pushed:
        plan = configurator.push(plan, terminal.note)
        terminal.good("Done: the cluster has the new configuration.")
    if json:
        terminal.json(as_json(plan, pushed=pushed))
    return exits.OK


def _keys(site: Site) -> Sequence[str]:
    """Return what keeps this node from copying files, if the site wants them copied."""
    if not site.flag("files", "enabled"):
        return ()
    lacking = readiness.missing_keys(Places(), list(site.pairs("cluster", "nodes")))
    return [f"[files] enabled: {sentence}, or write no" for sentence in lacking]


def _no_check(_site: Site) -> Sequence[str]:
    """Return nothing: a saved configuration need not be this node's."""
    return ()

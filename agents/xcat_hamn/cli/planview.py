"""A plan for the cluster's configuration, shown to a person or given to a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.configuring import Plan
from xcat_hamn.cluster.difference import Change
from xcat_hamn.cluster.simulate import Transition

_SIGNS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
_OPERATION_STYLES = {"promote": "green", "start": "green", "stop": "red", "demote": "red"}


def print_plan(terminal: Terminal, plan: Plan, site: str, dry_run: bool) -> None:
    """Show what changes and what the cluster does about it."""
    for warning in plan.warnings:
        terminal.warning(warning)
    if not plan.changed:
        terminal.good(f"Nothing to change: the cluster is configured as {site} says.")
        return
    terminal.heading("The configuration changes:" if not dry_run else "The configuration would be:")
    if plan.changes:
        _print_changes(terminal, plan.changes)
    else:
        terminal.line("only names inside it, nothing that acts")
    _print_transition(terminal, plan.transition, dry_run)
    if dry_run:
        terminal.good("Dry run: nothing was changed.")


def _print_changes(terminal: Terminal, changes: Sequence[Change]) -> None:
    width = max(len(change.id) for change in changes)
    for change in changes:
        sign, style = _SIGNS[change.what]
        terminal.columns((sign, change.id, change.summary), (1, width), style)
        if change.what == "changed":
            for detail in change.details:
                terminal.line(detail, indent=6)


def _print_transition(terminal: Terminal, transition: Transition, dry_run: bool) -> None:
    actions = transition.actions()
    if not actions:
        terminal.heading(f"The cluster {'would do' if dry_run else 'does'} nothing about it.")
        return
    terminal.heading(f"The cluster {'would then do' if dry_run else 'now does'}, in this order:")
    probed = transition.probed_nodes()
    if probed:
        terminal.line(f" 1. look on {' and '.join(probed)} for what already runs")
    widths = (3, 8, max(len(step.resource) for step in actions) + 1)
    for number, step in enumerate(actions, 2 if probed else 1):
        words = (f"{number:2}.", step.operation, step.resource, f"on {step.node}")
        terminal.columns(words, widths, _OPERATION_STYLES.get(step.operation, ""))
    if waits_for_primary(transition):
        terminal.line(
            "The database agents then report which node can be the primary; it is promoted, and "
            "the management node's role starts there."
        )


def waits_for_primary(transition: Transition) -> bool:
    """Tell whether the databases start but none can be promoted before their agents report."""
    done = {(step.operation, step.resource) for step in transition.steps}
    return ("start", "xcat-db") in done and ("promote", "xcat-db") not in done


def as_json(plan: Plan, *, pushed: bool) -> dict[str, Any]:
    """Return the plan for a program; ``pushed`` tells whether the cluster has it now."""
    return {
        "changed": plan.changed,
        "pushed": pushed,
        "warnings": list(plan.warnings),
        "changes": [
            {
                "what": c.what,
                "kind": c.kind,
                "id": c.id,
                "summary": c.summary,
                "details": list(c.details),
            }
            for c in plan.changes
        ],
        "actions": [
            {"operation": s.operation, "resource": s.resource, "node": s.node}
            for s in plan.transition.actions()
        ],
    }

"""How long a takeover took, from the operator's command to the first answer, and by which steps."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from labkit import timeline
from labkit.timeline import Answer, Operation
from labkit.timeline_checks import SERVICES

if TYPE_CHECKING:
    from labkit.prober import Prober

    from scenariokit.operating import Operator
    from scenariokit.world import World

#: The steps of a takeover: a name for a reader, and the operation that is the step.
STEPS = (
    ("promote the database", "xcat-db", "promote"),
    ("take the identity", "xcat-mnidentity", "start"),
    ("start xcatd", "xcat-xcatd", "start"),
    ("start DNS, DHCP, consoles", "xcat-netsvcs", "start"),
    ("renew the boot files", "xcat-osdeploy", "start"),
)
#: What pacemaker-fenced logs when the target is off (Pacemaker 2.1.5 and 3.0.0).
_FENCED = re.compile(r"Operation 'off' targeting (\S+) by .*: OK\b")


@dataclass(frozen=True)
class Takeover:
    """Seconds after the operator's command; None for what was not seen."""

    target: str
    fenced: float | None
    steps: dict[str, tuple[float, float]]
    answers: dict[str, float | None]

    def lines(self) -> list[str]:
        """Return the report, a line each."""
        found = [f"from the operator's command to {self.target} in service, in seconds:"]
        found.append(f"  {'fencing is done':28} {'':8} {_seconds(self.fenced)}")
        for name, (began, ended) in self.steps.items():
            found.append(f"  {name:28} {_seconds(began)} {_seconds(ended)}")
        for service, after in self.answers.items():
            found.append(f"  {f'first answer of {service}':28} {'':8} {_seconds(after)}")
        return found

    def document(self) -> dict[str, Any]:
        """Return the same for a JSON file."""
        return {
            "target": self.target,
            "fenced": self.fenced,
            "steps": {name: list(span) for name, span in self.steps.items()},
            "first_answer": self.answers,
        }


def _seconds(value: float | None) -> str:
    return "   never" if value is None else f"{value:8.2f}"


def describe(
    typed: float,
    target: str,
    lost: str,
    journal: Sequence[str],
    done: Iterable[Operation],
    answers: Iterable[Answer],
) -> Takeover:
    """Return the takeover of `lost` by `target`, from journal entries, operations and answers."""
    steps: dict[str, tuple[float, float]] = {}
    operations = [one for one in done if one.ok and one.node == target and one.ended >= typed]
    for name, resource, action in STEPS:
        found = [one for one in operations if (one.resource, one.action) == (resource, action)]
        if found:
            steps[name] = (round(found[0].began - typed, 3), round(found[0].ended - typed, 3))
    # Until it has the identity, an answer can only be one of the node that still had it.
    identity = steps.get("take the identity", (0.0, 0.0))[0] + typed
    first: dict[str, float | None] = {}
    asked = list(answers)
    for service in SERVICES:
        good = [a.done for a in asked if a.probe == service and a.ok and a.sent >= identity]
        first[service] = round(min(good) - typed, 3) if good else None
    return Takeover(target, fenced(journal, lost, typed), steps, first)


def fenced(journal: Iterable[str], lost: str, typed: float) -> float | None:
    """Return how long after `typed` the fencing of a node succeeded, as pacemaker-fenced logs."""
    times = []
    for line in journal:
        try:
            entry = json.loads(line)
            when, text = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, str(entry["MESSAGE"])
        except (ValueError, KeyError, TypeError):
            continue
        match = _FENCED.search(text)
        if match and match[1] == lost and when >= typed:
            times.append(when)
    return round(max(times) - typed, 3) if times else None


def measure(world: World, operator: Operator, prober: Prober) -> Takeover:
    """Return what the last move of the operator led to.  Raises LabError."""
    prober.wait_all_good(60)
    target, typed = operator.target, operator.typed
    node = world.node(target)
    read = ["journalctl", "-o", "json", "--no-pager", f"--since=@{int(typed) - 1}"]
    controld = node.run([*read, "-t", "pacemaker-controld"]).stdout.splitlines()
    fencing = node.run([*read, "-t", "pacemaker-fenced"]).stdout.splitlines()
    status = ElementTree.fromstring(node.run(["cibadmin", "-Q", "-o", "status"]).stdout)
    done = timeline.refine(timeline.operations(controld, typed, time.time()), status)
    answers = prober.answers()
    return describe(typed, target, world.other(target), fencing, done, answers)

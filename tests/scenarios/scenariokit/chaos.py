"""Random rounds: what goes wrong in each, and when, follows from a seed and the round's number.

A round is a scenario made by chance from the catalogue `chaos-faults.toml`: one fault or two, after
pauses; an operator who does nothing, moves the role, or moves it twice, whether that makes sense or
not; then everything is repaired, and the operator types what crm_mon asks for. Whatever happened,
the audits must find nothing, and no acknowledged commit may be missing.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomllib

from scenariokit.plan import Plan, PlanError, Step, steps
from scenariokit.vocabulary import NODES

CATALOGUE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chaos-faults.toml")
#: Seconds of pause before a fault, and before the operator; a loss is seen after about four.
_BEFORE_FAULT, _BEFORE_OPERATOR = (0.0, 4.0), (0.0, 9.0)
_MOVE_SECONDS = 40.0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; `{node}` in its steps is the node that it happens to."""

    name: str
    steps: tuple[Mapping[str, Any], ...]
    errors: tuple[str, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)

    def on(self, node: str) -> list[Step]:
        """Return its steps on a node.  Raises PlanError."""
        return list(steps([_with(table, node) for table in self.steps], self.name))


def _with(table: Mapping[str, Any], node: str) -> dict[str, Any]:
    return {
        key: value.replace("{node}", node) if isinstance(value, str) else value
        for key, value in table.items()
    }


def catalogue(path: str = CATALOGUE, database: str = "postgresql") -> tuple[list[Fault], list[str]]:
    """Return the faults of a catalogue that a database can have, and the ERRORs that any may cause.

    Raises PlanError.
    """
    with open(path, "rb") as stream:
        document = tomllib.load(stream)
    faults = [
        Fault(
            table["name"],
            tuple(table["steps"]),
            tuple(table.get("errors", ())),
            table.get("without", {}),
        )
        for table in document.get("fault", [])
    ]
    if not faults:
        raise PlanError(f"{path} has no [[fault]]")
    for fault in faults:
        fault.on(NODES[0])
    faults = [fault for fault in faults if database not in fault.without]
    return faults, list(document.get("errors", []))


def round_plan(seed: int, number: int, faults: Sequence[Fault], errors: Sequence[str]) -> Plan:
    """Return a round; the same seed and number give the same one."""
    chance = random.Random(f"{seed}.{number}")
    chosen = chance.sample(list(faults), chance.choice((1, 1, 2)))
    found: list[Step] = []
    told = []
    for fault in chosen:
        node = chance.choice(NODES)
        found += [_pause(chance, _BEFORE_FAULT), *fault.on(node)]
        told.append(fault.name.replace("{node}", node))
    moves = chance.choice((0, 1, 1, 2))
    for _ in range(moves):
        target, typed_on = chance.choice(NODES), chance.choice(NODES)
        options = {"on": typed_on, "outcome": "any", "within": _MOVE_SECONDS}
        found += [_pause(chance, _BEFORE_OPERATOR), Step("move", target, options)]
        told.append(f"a move to {target} typed on {typed_on}")
    found += [_pause(chance, _BEFORE_FAULT), Step("repair", "everything")]
    found += [Step("cleanup", "mn1"), Step("type", "pcs resource clear xcat-mn", {"on": "mn1"})]
    found.append(Step("reconcile", "everything", {"within": 150}))
    return Plan(
        name=f"chaos-{seed}-{number}",
        shows=", ".join(told),
        steps=tuple(found),
        ends="any",
        errors=(*errors, *(pattern for fault in chosen for pattern in fault.errors)),
        failures=(".*",),
        tolerant=True,
    )


def _pause(chance: random.Random, span: tuple[float, float]) -> Step:
    return Step("pause", f"{chance.uniform(*span):.1f}")

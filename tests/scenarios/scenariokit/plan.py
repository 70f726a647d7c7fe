"""Scenarios as they stand in the TOML files, read and checked: pure functions.

A file holds any number of `[[scenario]]` tables:

    name     a word by which it is found
    shows    one sentence: what a reader learns from it
    run      "core" (part of `make test`) or "all" (only `make scenarios`)
    ends     where the role is at the end: mn1, mn2 or any
    steps    what is done and seen, in order (see vocabulary.py)
    errors   patterns of ERRORs that the logs may hold; any other one is a failure
    failures failed actions ("RESOURCE ACTION") that crm_mon may show at the end
    tolerant true: a step that cannot be done is skipped, and what a step promises may not come
    measured true: print the time from the first move to the first answer of each service
    loses    true: the operator accepts a loss, so acknowledged commits may be missing
    without  database -> why the scenario is not played with that one
    each     a list of tables; one scenario for each, with {key} replaced by its values

mn1 stands for the node that has the role at the beginning. The runner exchanges the two names when
that is mn2, so that no time is lost with moving it back.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomllib

from scenariokit.vocabulary import DATABASES, NODES, VERBS

_KEYS = {
    "name": str,
    "shows": str,
    "run": str,
    "ends": str,
    "steps": list,
    "errors": list,
    "failures": list,
    "measured": bool,
    "tolerant": bool,
    "loses": bool,
    "without": dict,
    "each": list,
}
_RUNS = ("core", "all")
_ENDS = (*NODES, "any")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class PlanError(Exception):
    """The data does not describe a scenario; the text says what is wrong and where."""


@dataclass(frozen=True)
class Step:
    """One step: a word of the vocabulary, its object, and its options."""

    verb: str
    object: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return an option that is a text."""
        return str(self.options.get(name, default))

    def number(self, name: str, default: float) -> float:
        """Return an option that is a number."""
        return float(self.options.get(name, default))

    def __str__(self) -> str:
        more = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"{self.verb.replace('_', ' ')} {self.object}{more}"


@dataclass(frozen=True)
class Plan:
    """One scenario."""

    name: str
    shows: str
    steps: tuple[Step, ...]
    ends: str = "any"
    run: str = "all"
    errors: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    measured: bool = False
    tolerant: bool = False
    loses: bool = False
    without: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def exchanged(self) -> Plan:
        """Return the same scenario with the names of the two management nodes exchanged."""

        def other(text: str) -> str:
            return re.sub(r"\bmn([12])\b", lambda found: f"mn{3 - int(found[1])}", text)

        steps = tuple(
            Step(
                step.verb,
                other(step.object),
                {k: other(v) if isinstance(v, str) else v for k, v in step.options.items()},
            )
            for step in self.steps
        )
        return dataclasses.replace(
            self,
            shows=other(self.shows),
            steps=steps,
            ends=other(self.ends),
            errors=tuple(map(other, self.errors)),
        )


def load(folder: str) -> list[Plan]:
    """Return the scenarios of all TOML files of a folder, in the order of their names.

    Raises PlanError.
    """
    plans: list[Plan] = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".toml"):
            with open(os.path.join(folder, name), "rb") as stream:
                try:
                    document = tomllib.load(stream)
                except tomllib.TOMLDecodeError as problem:
                    raise PlanError(f"{name}: {problem}") from None
            plans += parse(document, name)
    names = [plan.name for plan in plans]
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"there are two scenarios called {name}: rename one of them")
    return plans


def parse(document: Mapping[str, Any], where: str = "") -> list[Plan]:
    """Return the scenarios of one document.  Raises PlanError."""
    unknown = set(document) - {"scenario"}
    if unknown:
        raise PlanError(f"{where}: {sorted(unknown)[0]} is no [[scenario]] table")
    plans = []
    for number, table in enumerate(document.get("scenario", []), 1):
        at = f"{where}, {table.get('name') or f'scenario {number}'}"
        _check_keys(table, at)
        for variant in _variants(table, at):
            plans.append(_plan(variant, at))
    return plans


def _check_keys(table: Mapping[str, Any], at: str) -> None:
    for key, value in table.items():
        if key not in _KEYS:
            raise PlanError(f"{at}: the key {key} is unknown: use {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise PlanError(f"{at}: {key} is to be a {_KEYS[key].__name__}, not {value!r}")
    for key in ("name", "shows", "steps"):
        if not table.get(key):
            raise PlanError(f"{at}: {key} is missing")


def _variants(table: Mapping[str, Any], at: str) -> Iterator[dict[str, Any]]:
    """Give the table once, or once for each entry of `each` with its values filled in."""
    plain = {key: value for key, value in table.items() if key != "each"}
    if "each" not in table:
        yield plain
        return
    for values in table["each"]:
        if not isinstance(values, dict):
            raise PlanError(f"{at}: each is to be a list of tables, not of {values!r}")
        # A value for `run` is no text to fill in: it chooses some of the variants for `make test`.
        overriding = {key: values[key] for key in ("run", "ends") if key in values}
        yield {**_filled(plain, values, at), **overriding}


def _filled(value: Any, values: Mapping[str, Any], at: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, values, at) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values, at) for inner in value]
    if not isinstance(value, str):
        return value
    for key in re.findall(r"\{([a-z_]+)\}", value):
        if key not in values:
            raise PlanError(f"{at}: {{{key}}} has no value in {values}")
        if value == f"{{{key}}}":
            return values[key]
        value = value.replace(f"{{{key}}}", str(values[key]))
    return value


def _plan(table: Mapping[str, Any], at: str) -> Plan:
    plan = Plan(
        name=table["name"],
        shows=table["shows"],
        steps=tuple(steps(table["steps"], at)),
        ends=table.get("ends", "mn1"),
        run=table.get("run", "all"),
        errors=tuple(table.get("errors", ())),
        failures=tuple(table.get("failures", ())),
        measured=table.get("measured", False),
        tolerant=table.get("tolerant", False),
        loses=table.get("loses", False),
        without=table.get("without", {}),
    )
    if not _NAME.fullmatch(plan.name):
        raise PlanError(f"{at}: '{plan.name}' is no name: use small letters, digits and dashes")
    for value, known in ((plan.run, _RUNS), (plan.ends, _ENDS)):
        if value not in known:
            raise PlanError(f"{at}: '{value}' is none of {', '.join(known)}")
    for name, why in plan.without.items():
        if name not in DATABASES or not isinstance(why, str) or not why:
            raise PlanError(f"{at}: without takes {' or '.join(DATABASES)}, with a reason")
    for pattern in (*plan.errors, *plan.failures):
        _pattern(pattern, at)
    return plan


def steps(tables: Sequence[Any], at: str) -> Iterator[Step]:
    """Give the steps of a list of tables.  Raises PlanError."""
    for number, table in enumerate(tables, 1):
        yield _step(table, f"{at}, step {number}")


def _step(table: Any, at: str) -> Step:
    if not isinstance(table, dict):
        raise PlanError(f"{at}: {table!r} is no table")
    verbs = [key for key in table if key in VERBS]
    if len(verbs) != 1:
        raise PlanError(f"{at}: one word of the vocabulary is needed, not {len(verbs)}: {table}")
    verb, value = VERBS[verbs[0]], table[verbs[0]]
    if verb.number:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise PlanError(f"{at}: {verbs[0]} takes a number of seconds, not {value!r}")
    elif not isinstance(value, str) or (verb.objects and value not in verb.objects):
        known = " or ".join(verb.objects) or "a text"
        raise PlanError(f"{at}: {verbs[0]} takes {known}, not {value!r}")
    options = {key: option for key, option in table.items() if key != verbs[0]}
    _check_options(verbs[0], options, at)
    return Step(verbs[0], str(value), options)


def _check_options(verb: str, options: Mapping[str, Any], at: str) -> None:
    known = VERBS[verb].options
    for key, value in options.items():
        if key not in known:
            raise PlanError(
                f"{at}: {verb} has no option {key}; it has {', '.join(known) or 'none'}"
            )
        wanted = (int, float) if known[key] is float else known[key]
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise PlanError(f"{at}: {key} is to be a {known[key].__name__}, not {value!r}")
        if key in ("on", "of") and value not in NODES:
            raise PlanError(f"{at}: {value} is no management node: use {' or '.join(NODES)}")
        if key in ("is", "refused"):
            _pattern(value, at)
    missing = [key for key in VERBS[verb].required if key not in options]
    if missing:
        raise PlanError(f"{at}: {verb} needs the option {missing[0]}")


def _pattern(text: Any, at: str) -> None:
    try:
        re.compile(text)
    except (re.error, TypeError) as problem:
        raise PlanError(f"{at}: {text!r} is no regular expression: {problem}") from None

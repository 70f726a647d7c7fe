"""Runs rounds of chaos in a lab of its own, prints each, and writes them to build/chaos.json."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from labkit import host, provision
from labkit.host import CannotRun, LabError
from labkit.image import RELEASES
from labkit.lab import Lab

from scenariokit import chaos
from scenariokit.play import Outcome, play
from scenariokit.stage import Stage
from scenariokit.vocabulary import DATABASES

RESULT = f"{provision.ROOT}/build/chaos.json"
FOLDER = f"{provision.ROOT}/build/chaos"
ROUNDS = 10


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    given = os.environ.get
    grammar = argparse.ArgumentParser(
        prog="chaos",
        description="Lets chance break two management nodes, round by round, under clients that "
        "write; after each round all audits, and no acknowledged commit missing.",
        epilog="exit codes: 0 all rounds passed; 1 one did not; 2 wrong usage; 77 this host cannot "
        "run the lab; 130 interrupted",
    )
    grammar.add_argument("--rounds", type=int, default=given("ROUNDS") or ROUNDS)
    grammar.add_argument("--seed", type=int, default=given("SEED") or random.randrange(10**6))
    grammar.add_argument("--first", type=int, default=given("FIRST") or 1, help="first round")
    grammar.add_argument("--release", choices=RELEASES, default=given("RELEASE") or RELEASES[0])
    database = given("DATABASE") or DATABASES[0]
    grammar.add_argument("--database", choices=DATABASES, default=database)
    grammar.add_argument(
        "--name",
        default=f"chaos-{os.getpid()}",
        help="the lab's name; two runs in one lab would ruin each other's rounds",
    )
    return grammar


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds and return the exit code."""
    asked = parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    results: list[dict[str, Any]] = []
    try:
        host.require()
        lab = Lab(asked.name, asked.release)
        try:
            lab.up(mine=True)
            stage = Stage(lab, asked.database)
            try:
                stage.make()
                numbers = range(asked.first, asked.first + asked.rounds)
                for result in rounds(stage, asked.seed, numbers):
                    results.append(result)
                    _write(asked.seed, asked.release, results)
            finally:
                stage.end()
        finally:
            lab.down()
    except CannotRun as problem:
        print(f"chaos: {problem}", file=sys.stderr)
        return 77
    except LabError as problem:
        print(f"chaos: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("chaos: interrupted", file=sys.stderr)
        return 130
    return _verdict(results, asked.seed)


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def rounds(stage: Stage, seed: int, numbers: range) -> Iterator[dict[str, Any]]:
    """Play rounds and give the result of each, which is printed too."""
    faults, errors = chaos.catalogue(database=stage.world.database.name)
    for number in numbers:
        began = time.monotonic()
        plan = chaos.round_plan(seed, number, faults, errors)
        outcome = play(stage, plan, FOLDER)
        result = _result(seed, number, outcome, time.monotonic() - began)
        result["database"] = stage.world.database.name
        print(sentence(result), flush=True)
        for complaint in outcome.complaints:
            print(f"    {complaint}", flush=True)
        yield result


def _result(seed: int, number: int, outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "round": number,
        "what": outcome.plan.shows,
        "passed": outcome.passed,
        "seconds": round(seconds, 1),
        "acknowledged": outcome.acknowledged,
        "complaints": outcome.complaints,
        "trace": outcome.trace,
    }


def sentence(result: dict[str, Any]) -> str:
    """Return one line about a round, with the command that repeats it."""
    verdict = "passed" if result["passed"] else "FAILED"
    again = f"make chaos SEED={result['seed']} FIRST={result['round']} ROUNDS=1"
    if result.get("database", DATABASES[0]) != DATABASES[0]:
        again += f" DATABASE={result['database']}"
    return (
        f"round {result['round']}: {verdict}, {result['seconds']:.0f} s, "
        f"{result['acknowledged']} commits: {result['what']}  ({again})"
    )


def _write(seed: int, release: str, results: list[dict[str, Any]]) -> None:
    os.makedirs(os.path.dirname(RESULT), exist_ok=True)
    passed = sum(one["passed"] for one in results)
    document = {
        "seed": seed,
        "release": release,
        "rounds": len(results),
        "passed": passed,
        "acknowledged": sum(one["acknowledged"] for one in results),
        "results": results,
    }
    with open(RESULT, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2)


def _verdict(results: list[dict[str, Any]], seed: int) -> int:
    failed = [one for one in results if not one["passed"]]
    commits = sum(one["acknowledged"] for one in results)
    print(
        f"chaos: {len(results) - len(failed)} of {len(results)} rounds passed with seed {seed}, "
        f"{commits} acknowledged commits; written: {os.path.relpath(RESULT)}"
    )
    return 1 if failed else 0

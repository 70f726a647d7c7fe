"""The command behind `make demo`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from rich.console import Console

from labkit import engines, host, provision, showing, svg, timeline
from labkit.host import CannotRun, LabError
from labkit.image import RELEASES
from labkit.lab import Lab
from labkit.prober import INTERVAL
from labkit.scenario import Scenario
from labkit.timeline_checks import RESOURCES

NAME = "demo"
TITLE = "The role of the xCAT management node moves"
FOLDER = f"{provision.ROOT}/build/demo"

_PACKAGES = ("pacemaker", "pcs", "corosync", "bind9", "isc-dhcp-server", "conserver-server")


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    grammar = argparse.ArgumentParser(
        prog="demo",
        description="Boots two management nodes and a compute node, configures a real cluster, "
        "performs the documented failover there and back, and draws what happened.",
        epilog="exit codes: 0 all was seen; 1 something was not, with a sentence; 77 this host "
        "cannot run the lab; 130 interrupted",
    )
    given = os.environ.get
    grammar.add_argument("--release", choices=RELEASES, default=given("RELEASE") or RELEASES[0])
    database = given("DATABASE") or engines.NAMES[0]
    grammar.add_argument("--database", choices=engines.NAMES, default=database)
    grammar.add_argument("--name", default=NAME, help="the lab's name; labs live side by side")
    grammar.add_argument("--keep", action="store_true", help="leave the lab up at the end")
    return grammar


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    asked = parser().parse_args(arguments)
    for name, given, known in (
        ("RELEASE", asked.release, RELEASES),
        ("DATABASE", asked.database, engines.NAMES),
    ):
        if given not in known:
            known_ones = " or ".join(known)
            print(f"demo: {name} is '{given}', which is none of {known_ones}.", file=sys.stderr)
            return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    console = Console(highlight=False, soft_wrap=False, width=_width())
    try:
        with _lab(asked.name, asked.release, asked.keep) as lab:
            return _tell(lab, engines.engine(asked.database, asked.release), console)
    except CannotRun as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 77
    except LabError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130


def _width() -> int | None:
    """Return a width for logs, whose lines nobody wraps; a terminal has its own."""
    return None if sys.stdout.isatty() else 120


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _lab(name: str, release: str, keep: bool) -> Iterator[Lab]:
    """Boot the lab, and take it down whatever happens, unless it is to be kept."""
    host.require()
    lab = Lab(name, release)
    host.say(f"booting mn1, mn2 and cn1 ({release}); the first time, their image is built")
    lab.up(mine=not keep)
    try:
        yield lab
    finally:
        if keep:
            look = f"tests/lab/lab --name {name}"
            host.say(f"kept: '{look} exec mn1 crm_mon -1A' looks, '{look} down' removes it")
        else:
            # A second ctrl-C would leave half a lab; the first has been heard.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            host.say("taking the lab down")
            lab.down()


def _tell(lab: Lab, engine: engines.Engine, console: Console) -> int:
    """Run the scenario, draw what there is of it even when it fails, and return the exit code."""
    scenario = Scenario(lab, showing.Terminal(console), engine)
    problem: LabError | None = None
    try:
        scenario.run()
    except LabError as error:
        problem = error
        _keep_journals(lab)
    if scenario.timelines:
        _report(scenario, _facts(lab, engine), console)
    if problem is not None:
        console.print()
        print(f"demo: {problem}\ndemo: the nodes' journals are in {FOLDER}", file=sys.stderr)
        return 1
    return 0


def _report(scenario: Scenario, facts: dict[str, str], console: Console) -> None:
    scenario.show.step("What happened")
    for found in scenario.timelines:
        console.print(showing.operations_table(found, console.width))
        console.print()
    console.print(showing.outage_table(scenario.timelines))
    for name, value in facts.items():
        console.print(f"[bright_black]{name}: {value}", soft_wrap=not console.is_terminal)
    os.makedirs(FOLDER, exist_ok=True)
    drawn = svg.draw(scenario.timelines, RESOURCES, TITLE, facts)
    document = timeline.document(scenario.timelines, facts)
    for name, text in (
        ("timeline.svg", drawn),
        ("timeline.json", json.dumps(document, indent=2) + "\n"),
    ):
        with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as stream:
            stream.write(text)
        console.print(f"written: {os.path.relpath(FOLDER)}/{name}")


def _facts(lab: Lab, engine: engines.Engine) -> dict[str, str]:
    """Return what a reader must know to judge the numbers."""
    mn1 = lab.node("mn1")
    packages = [*_PACKAGES, *engine.packages]
    asked = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *packages]
    versions = [upstream(line) for line in mn1.run(asked, check=False).stdout.splitlines()]
    return {
        "xCAT": "a stand-in (test double) with the real one's commands, wire and exit codes",
        "database": engine.about,
        "real": f"Debian {lab.release}; {', '.join(versions)}",
        "machine": f"three nodes on one host with {os.cpu_count()} processors",
        "outage": "from the last good answer before to the first good one after, asked every "
        f"{INTERVAL * 1000:.0f} ms: {2 * INTERVAL:.1f} s too long at most",
        "operations": "end: the result in Pacemaker's journal; length: the agent's own time in "
        "the CIB",
    }


def upstream(line: str) -> str:
    """Return package and version without what only the distribution adds to it."""
    package, _, version = line.partition(" ")
    return f"{package} {re.split('[-+~]', version.partition(':')[2] or version)[0]}"


def _keep_journals(lab: Lab) -> None:
    os.makedirs(FOLDER, exist_ok=True)
    for node in lab.nodes.values():
        with contextlib.suppress(LabError), open(f"{FOLDER}/{node.name}.log", "w") as stream:
            stream.write(node.journal())

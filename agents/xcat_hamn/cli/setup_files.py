"""``xcat-hamn setup files``: prepare the two management nodes for copying files to each other."""

from __future__ import annotations

import contextlib
import json as jsonlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, Site, SiteError
from xcat_hamn.errors import HamnError, PermissionProblem
from xcat_hamn.files import pairing
from xcat_hamn.files.pairing import Side
from xcat_hamn.files.ports import FAILED, OK, Result
from xcat_hamn.system.foreground import interrupted_once
from xcat_hamn.system.remote import is_here, reached
from xcat_hamn.system.runner import Runner


def command(
    file: str = typer.Option(
        DEFAULT_PATH, "--file", "-f", metavar="SITE", help="The site file to use."
    ),
    check: bool = typer.Option(
        False, "--check", help="Only ask whether the other node receives from this one."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", "-n", help="Say what is missing on each node, change nothing."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Prepare the two management nodes for copying files to each other.

    Each gets a key of its own, which on the other node does one thing only: receive the file sets.
    The host keys of both are exchanged beforehand over root's own ssh, so nothing is ever taken on
    trust. At the end each node asks the other with its new key.

    Run again, it changes only what is not right, for example after a node was installed anew. The
    other node is reached as root over ssh, without a password, and must be known (requirement 4.0).
    """
    if os.geteuid() != 0:
        raise PermissionProblem("keys and root's authorized_keys are written: run this as root")
    site = load_site(file)
    terminal = Terminal(quiet=json)
    if check:
        work = Work(_named(site), site.path, terminal)
        work.ask_from_here()
    else:
        with connected(site) as sides:
            work = Work(sides, site.path, terminal)
            if dry_run:
                work.rehearse()
            else:
                with interrupted_once():
                    work.go()
    if json:
        terminal.json(work.as_json())
    return work.code


def _named(site: Site) -> list[Side]:
    """Return the two nodes, this one first, with no door to the other.  Raises SiteError."""
    nodes = site.pairs("cluster", "nodes")
    port = int(site.text("files", "ssh_port"))
    sides = [Side(name, address, Runner(), port=port) for name, address in nodes.items()]
    sides.sort(key=lambda side: not is_here(side.address))
    if len(sides) != 2 or not is_here(sides[0].address):
        raise SiteError(
            [
                f"{site.path}, [cluster] nodes: neither address is one of this node: run this on a "
                "management node, or correct the addresses"
                if len(sides) == 2
                else f"{site.path}, [cluster] nodes: files are copied between two nodes: name two"
            ]
        )
    return sides


@contextlib.contextmanager
def connected(site: Site) -> Iterator[list[Side]]:
    """Give the two nodes, this one first; the connection to the other ends with the context."""
    here, there = _named(site)
    with reached(there.address, port=there.port) as remote:
        yield [here, Side(there.name, there.address, remote, port=there.port)]


class Work:
    """One call of the verb on ``sides``, this node first; ``tool`` is xcat-hamn on the other."""

    def __init__(
        self,
        sides: Sequence[Side],
        site: str,
        terminal: Terminal,
        tool: Sequence[str] = ("xcat-hamn", "setup", "files"),
    ) -> None:
        self.code = exits.OK
        self._here, self._there = sides
        self._sides = sides
        self._terminal = terminal
        self._question = [*tool, "--check", "--json", "--file", site]
        self._steps: list[dict[str, str]] = []
        self._answers: list[dict[str, Any]] = []

    def rehearse(self) -> None:
        """Tell what is there and what is missing."""
        for side in self._sides:
            pairing.require(side)
        missing = 0
        for step in pairing.steps(self._sides):
            done = step.done()
            missing += not done
            self._tell(step, "before" if done else "no")
        self._warn()
        self._terminal.good(
            f"Dry run: nothing was changed; {missing} of {len(self._steps)} steps are to be done."
        )

    def go(self) -> None:
        """Do what is missing, then let each node ask the other.  Raises HamnError."""
        for side in self._sides:
            pairing.require(side)
        for step in pairing.steps(self._sides):
            done = step.done()
            if not done:
                pairing.carry_out(step)
            self._tell(step, "before" if done else "now")
        self._warn()
        self.ask_from_here()
        self._answer(self._there, self._here, self._ask_from_there())
        if self.code == exits.OK:
            names = f"{self._here.name} and {self._there.name}"
            self._terminal.good(f"{names} can copy files to each other.")

    def ask_from_here(self) -> None:
        """Ask the other node whether it receives from this one."""
        self._answer(self._here, self._there, pairing.hello(self._here, self._there))

    def _ask_from_there(self) -> Result:
        """Let the other node ask this one."""
        said = self._there.runner.run(self._question, timeout=60)
        try:
            told = jsonlib.loads(said.stdout)
            if "errors" in told:
                raise HamnError("; ".join(told["errors"]))
            answer = told["answers"][0]
            return Result(bool(answer["ok"]), str(answer["kind"]), str(answer["sentence"]))
        except (ValueError, KeyError, TypeError, IndexError, HamnError) as problem:
            why = str(problem) if isinstance(problem, HamnError) else said.last_line()
            sentence = (
                f"{self._there.name} could not be asked whether it reaches {self._here.name} "
                f"({why}): install the same version and the same site file there"
            )
            return Result(False, FAILED, sentence)

    def _tell(self, step: pairing.Step, done: str) -> None:
        self._steps.append({"node": step.side.name, "step": step.text, "done": done})
        width = max(len(side.name) for side in self._sides) + 1
        words = {"before": "there already", "now": "done", "no": "missing"}
        style = {"before": "dim", "no": "bold"}.get(done, "")
        self._terminal.columns((step.side.name, f"{step.text}: {words[done]}"), (width,), style)

    def _warn(self) -> None:
        for sentence in pairing.differences(self._sides):
            self._terminal.warning(sentence)

    def _answer(self, asking: Side, asked: Side, result: Result) -> None:
        self._answers.append(
            {
                "from": asking.name,
                "to": asked.name,
                "ok": result.ok,
                "kind": result.kind,
                "sentence": result.sentence,
            }
        )
        text = f"asks {asked.name}: {result.sentence}"
        if result.kind == OK:
            self._terminal.columns((asking.name, text), (len(asking.name) + 1,))
        else:
            self.code = exits.FAILED
            self._terminal.note(f"xcat-hamn: {asking.name} {text}")

    def as_json(self) -> dict[str, Any]:
        """Return it all for a program."""
        return {
            "changed": any(step["done"] == "now" for step in self._steps),
            "steps": self._steps,
            "answers": self._answers,
            "exit_code": self.code,
        }

"""``xcat-hamn sync``: copy the file sets to the other node now, and see that they are there."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.status import FILES, FILES_CLONE
from xcat_hamn.errors import HamnError, NotRunning, ParameterError, PermissionProblem
from xcat_hamn.files.resident import client
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.system.runner import Runner


class NotTheSource(HamnError):
    """The files are not copied from this node; the sentence says from which."""


class UnknownSet(ParameterError):
    """There is no such file set."""


def command(
    sets: list[str] = typer.Argument(  # noqa: B008 - typer makes a new list of each call
        None,
        metavar="[SET...]",
        help="The file sets to copy: else all of them.",
        show_default=False,
    ),
    timeout: int = typer.Option(
        3600, "--timeout", metavar="SECONDS", min=1, help="Give up waiting after this long."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Copy file sets to the other node now, and wait until they are proven equal.

    Each set is compared as a whole, whatever was seen to change, and what differs is copied. Run
    it on the node that holds the role; there the copy goes on by itself as well, so this is for
    certainty before something is done by hand.

    The exit code is 0 only when every set was proven.
    """
    if os.geteuid() != 0:
        raise PermissionProblem("the copy of files answers root alone: run this as root")
    where = Whereabouts(FILES)
    names = _chosen(where, sets or [])
    view = _View(Terminal(quiet=json), names)
    begun = time.monotonic()
    try:
        answer = client.sync(where, names, seconds=timeout, progress=view.tell)
    finally:
        view.end()
    return view.result(answer, time.monotonic() - begun, json=json)


def _chosen(where: Whereabouts, asked: Sequence[str]) -> list[str]:
    """Return the sets to copy.  Raises HamnError when they cannot be, and says where they can."""
    try:
        known = [str(entry["name"]) for entry in client.status(where)["sets"]]
    except NotRunning:
        _elsewhere()
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {close[0]}? " if close else ""
            raise UnknownSet(
                f'there is no file set "{name}": {advice}The sets are {", ".join(known)}'
            )
    return list(dict.fromkeys(asked)) or known


def _elsewhere() -> NoReturn:
    """Raise NotTheSource, or what keeps the cluster from telling where the source is."""
    runner = Runner()
    status = Pacemaker(runner).status()
    source = status.source()
    here = runner.run(["crm_node", "-n"], timeout=10).stdout.strip()
    if not status.files:
        sentence = (
            f"the cluster does not copy files (there is no {FILES_CLONE}): say in the site file "
            "that it should, then run `xcat-hamn configure`"
        )
    elif not source:
        sentence = (
            f"files are copied from no node now, for {FILES_CLONE} is promoted nowhere: look at "
            "`xcat-hamn explain`"
        )
    elif source == here:
        sentence = (
            f"the process that copies the files does not run on {here}, though it should: the "
            f"cluster restarts it; look at {Whereabouts(FILES).log}"
        )
    else:
        sentence = f"files are copied from {source} to this node: run `xcat-hamn sync` on {source}"
    raise NotTheSource(sentence)


class _View:
    """What an administrator sees: a bar on a terminal, a line for each set in a pipe."""

    def __init__(self, terminal: Terminal, names: Sequence[str]) -> None:
        self._terminal = terminal
        self._names = names
        self._width = max(map(len, names), default=0) + 1
        self._told: set[str] = set()
        self._bar: Progress | None = None
        if terminal.interactive:
            columns = (
                BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
            )  # fmt: skip
            self._bar = Progress(*columns, console=terminal.console, transient=True)
            self._bar.add_task("begins", total=len(names))
            self._bar.start()

    def tell(self, answer: Mapping[str, Any]) -> None:
        """Tell how far it is."""
        for name in answer["proven"]:
            if name not in self._told:
                self._told.add(name)
                self._terminal.columns((name, "equal on both nodes"), (self._width,))
        if self._bar is not None:
            waits = ", ".join(answer["missing"])
            self._bar.update(
                self._bar.tasks[0].id, completed=len(answer["proven"]), description=waits
            )

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def result(self, answer: Mapping[str, Any], seconds: float, *, json: bool) -> int:
        """Tell what became of it; return the exit code."""
        self.tell(answer)
        missing = answer["missing"]
        for name, why in missing.items():
            self._terminal.columns((name, f"not equal: {why}"), (self._width,), "red")
        if missing:
            self._terminal.bad(f"Not proven equal: {', '.join(missing)}.")
        else:
            self._terminal.good(f"All of it is on the other node, after {seconds:.1f} s.")
        code = exits.FAILED if missing else exits.OK
        if json:
            self._terminal.json(
                {
                    "proven": list(answer["proven"]),
                    "missing": dict(missing),
                    "seconds": round(seconds, 1),
                    "exit_code": code,
                }
            )
        return code

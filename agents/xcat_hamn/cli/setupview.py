"""What an administrator sees of a set-up: steps, commands, bars on a terminal, lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.database.db2.setup.actions import Action
from xcat_hamn.database.db2.setup.pair import Side
from xcat_hamn.database.db2.setup.steps import Step
from xcat_hamn.database.db2.setup.values import DIFFERENCES

#: Steps whose progress is shown, and the parts of a whole that are lines in a pipe.
_LONG = ("backup", "copy", "restore")
_QUARTER = 0.25


class View:
    """The reporter of a set-up."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bar: Progress | None = None
        self._long = False
        self._told = 0.0
        self._steps: list[dict[str, Any]] = []

    # -- steps -----------------------------------------------------------------------------

    def already(self, step: Step, side: Side, text: str) -> None:
        """Tell that a step is done already."""
        self._steps.append({**_named(step, side), "done": "before"})
        self._terminal.columns((step.chapter, f"{text}: done already"), (6,), "dim")

    def begin(self, step: Step, side: Side, text: str, actions: Sequence[Action]) -> None:
        """Tell a step with its commands."""
        self.planned(step, side, text, actions)
        self._steps[-1]["done"] = "now"
        self._long, self._told = step.key in _LONG, 0.0
        if self._long and self._terminal.interactive:
            columns = (
                TextColumn("    "),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=self._terminal.console, transient=False)
            self._bar.add_task(step.key, total=None)
            self._bar.start()

    def planned(self, step: Step, side: Side, text: str, actions: Sequence[Action]) -> None:
        """Tell a step that is to be done."""
        commands = [
            {
                "node": side.name,
                "user": "root" if action.as_root else side.machine.instance.name,
                "command": line,
            }
            for action in actions
            for line in action.shown().splitlines()
        ]
        self._steps.append({**_named(step, side), "done": "no", "commands": commands})
        self._terminal.columns((step.chapter, text), (6,), "bold")
        for one in commands:
            self._terminal.line(f"{one['user']}@{one['node']}$ {one['command']}", 9)

    def progress(self, fraction: float) -> None:
        """Tell how much of the step is done."""
        if self._bar is not None:
            self._bar.update(self._bar.tasks[0].id, total=1.0, completed=fraction)
        elif self._long and fraction >= self._told + _QUARTER:
            self._told = fraction - fraction % _QUARTER
            self._terminal.line(f"{self._told:.0%}", 9)

    def end(self) -> None:
        """Tell that the step has ended."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    # -- the rest --------------------------------------------------------------------------

    def command(self, node: str, text: str) -> None:
        """Tell a command of the test."""
        self._terminal.line(f"{node}$ {text}", 9)

    def test(self, commands: Sequence[tuple[str, str]]) -> None:
        """Tell what the test would do."""
        self.waits("test the synchronization")
        for node, text in commands:
            self.command(node, text)

    def waits(self, text: str) -> None:
        """Tell what is waited for, or tried."""
        self._terminal.columns(("", text), (6,), "bold")

    def proven(self, side: Side) -> None:
        """Tell role, state and connection of a side."""
        found = side.facts.found
        if found is not None:
            words = f"Role {found.role}, State {found.state}, ConnectStatus {found.connect}"
            self._terminal.line(f"{side.name}: {words}", 9)

    def differences(self) -> None:
        """Tell what is not as the requirement has it."""
        self._terminal.heading("Different from the requirement, on purpose:")
        for sentence in DIFFERENCES:
            self._terminal.line(f"{sentence}.")

    def confirmed(self, name: str, text: str, *, quiet: bool) -> bool:
        """Ask for a node's name; without a terminal the answer is no."""
        self._terminal.warning(text)
        if quiet or not sys.stdin.isatty():
            self._terminal.note(
                "xcat-hamn: nobody was asked, so nothing was changed: --yes replaces it without "
                "asking"
            )
            return False
        answer = self._terminal.ask(f"Type {name} to replace it: ")
        if answer != name:
            self._terminal.note(f'xcat-hamn: "{answer}" is not {name}: nothing was changed')
        return answer == name

    def note(self, text: str) -> None:
        """Tell something worth knowing."""
        self._terminal.note(text)

    def warning(self, text: str) -> None:
        """Tell something that should be changed."""
        self._terminal.warning(text)

    def good(self, text: str) -> None:
        """Tell the end."""
        self._terminal.good(text)

    def json(self, *, changed: bool, code: int) -> None:
        """Print it all for a program."""
        self._terminal.json({"changed": changed, "steps": self._steps, "exit_code": code})


def _named(step: Step, side: Side) -> dict[str, Any]:
    return {"step": step.key, "requirement": step.chapter, "node": side.name}

"""Shows the scenario on a terminal, or line by line where there is none."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from labkit.scenario import Frame
from labkit.svg import QUESTIONS, duration
from labkit.timeline import Timeline
from labkit.timeline_checks import SERVICES

COLORS = {"stop": "bright_black", "demote": "yellow", "promote": "magenta", "start": "blue"}
#: Width of a line without the bar.
OTHER_CELLS = 60
_MARKS = (
    ("Promoted:", "bold green"),
    ("Started", "green"),
    ("Unpromoted:", "cyan"),
    ("Stopped", "bright_black"),
    ("Starting", "bold blue"),
    ("Stopping", "bold yellow"),
    ("Promoting", "bold magenta"),
    ("Demoting", "bold yellow"),
    ("FAILED", "bold red"),
)


class Terminal:
    """A Show for a person; the console decides what it can color and redraw."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._steps = 0

    def step(self, title: str, why: str = "") -> None:
        """Begin a step, with a rule across the screen."""
        self._steps += 1
        self.console.print()
        self.console.rule(f"[bold]{self._steps}. {title}", align="left", style="bright_black")
        if why:
            self.console.print(Text(why, style="italic"))

    def say(self, text: str) -> None:
        """Tell progress."""
        self.console.print(Text.assemble(("  - ", "bright_black"), text))

    def command(self, node: str, words: Sequence[str]) -> None:
        """Show a command with a prompt."""
        self.console.print(Text.assemble((f"{node}# ", "bold green"), (shlex.join(words), "bold")))

    def output(self, text: str) -> None:
        """Show what a command has printed."""
        for line in text.splitlines():
            self.console.print(Text("    ") + marked(line), soft_wrap=not self.console.is_terminal)

    @contextlib.contextmanager
    def live(self, before: str = "") -> Iterator[Frame]:
        """Redraw the picture in place on a terminal; elsewhere print what has changed."""
        if not self.console.is_terminal:
            yield _Changes(self.console, before)
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as live:

            def frame(text: str, seconds: float, silent: dict[str, float] | None) -> None:
                head = Text(f"{seconds:5.1f} s", style="bold")
                # What matters most stands first: a low terminal cuts the end off.
                if silent is not None:
                    head += seen(silent)
                live.update(Group(head, Padding(marked(text), (0, 0, 0, 4))), refresh=True)

            yield frame


class _Changes:
    """A picture for a log: only the lines that are new."""

    def __init__(self, console: Console, before: str) -> None:
        self._console = console
        self._lines = set(named_lines(before))

    def __call__(self, text: str, seconds: float, silent: dict[str, float] | None) -> None:
        """Print the lines that were not there before."""
        lines = named_lines(text)
        for line in lines:
            if line not in self._lines:
                stamp = Text(f"{seconds:6.1f} s  ", "bold")
                self._console.print(stamp + marked(line), soft_wrap=True)
        self._lines = set(lines)


def named_lines(text: str) -> list[str]:
    """Return the lines of crm_mon that tell a state; attributes get the name of their node."""
    lines, node, heading = [], "", ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            heading = line
        words = line.split()
        if words[:2] == ["*", "Node:"]:
            node = words[2].rstrip(":")
        elif heading.startswith("Node Attributes") and words[:1] == ["*"]:
            lines.append(f"  {node} {' '.join(words[1:])}")
        elif words[:1] == ["*"]:
            lines.append(f"  {line.strip()[2:]}")
    return lines


class Quiet:
    """A Show for a test: it keeps what was said, for the report of a failure."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, title: str, why: str = "") -> None:
        """Keep the title."""
        self.said.append(f"== {title}")

    def say(self, text: str) -> None:
        """Keep the text."""
        self.said.append(text)

    def command(self, node: str, words: Sequence[str]) -> None:
        """Keep the command."""
        self.said.append(f"{node}# {shlex.join(words)}")

    def output(self, text: str) -> None:
        """Keep the output."""
        self.said.append(text)

    @contextlib.contextmanager
    def live(self, before: str = "") -> Iterator[Frame]:
        """Show nothing."""
        yield lambda text, seconds, silent: None


def marked(text: str) -> Text:
    """Return crm_mon's text with its states in color."""
    shown = Text(text)
    for word, style in _MARKS:
        shown.highlight_words([word], style)
    return shown


def seen(silent: dict[str, float]) -> Text:
    """Return one line that says what cn1 sees of the services."""
    line = Text("   cn1 sees: ")
    for service in SERVICES:
        if service in silent:
            line.append(f"no {QUESTIONS[service]} for {silent[service]:.1f} s", "bold red")
        else:
            line.append(f"{QUESTIONS[service]} ok", "green")
        line.append("   ")
    return line


def operations_table(timeline: Timeline, width: int) -> Table:
    """Return the operations of a move, with bars on one scale of time, for a console's width."""
    table = Table(title=timeline.command, title_justify="left", box=None, padding=(0, 2, 0, 0))
    cells = min(70, max(12, width - OTHER_CELLS))
    for heading in ("node", "resource", "operation"):
        table.add_column(heading, no_wrap=True)
    for heading in ("at", "took"):
        table.add_column(heading, justify="right", no_wrap=True)
    end = f"{timeline.end - timeline.typed:.1f} s"
    table.add_column(f"0 s{end:->{cells - 3}}", no_wrap=True)
    for one in timeline.operations:
        style = COLORS[one.action] if one.ok else "bold red"
        action = Text(one.action if one.ok else f"{one.action} FAILED", style)
        at = f"{one.began - timeline.typed:.2f} s"
        bar = _bar(timeline, one.began, one.ended, style, cells)
        table.add_row(one.node, one.resource, action, at, duration(one.seconds), bar)
    for outage in timeline.outages:
        until = timeline.end if outage.until is None else outage.until
        named = Text(f"no {QUESTIONS[outage.service]}", "red")
        at = f"{outage.since - timeline.typed:.2f} s"
        lasted = "to the end" if outage.seconds is None else f"{outage.seconds:.1f} s"
        bar = _bar(timeline, outage.since, until, "red", cells)
        table.add_row("cn1", "sees", named, at, lasted, bar)
    return table


def _bar(timeline: Timeline, began: float, ended: float, style: str, cells: int) -> Text:
    """Return a bar from one moment to another; what is too short gets half a cell."""
    span = max(timeline.end - timeline.typed, 0.001)
    first = round((began - timeline.typed) / span * cells)
    last = round((ended - timeline.typed) / span * cells)
    bar = "\N{FULL BLOCK}" * (last - first) or "\N{LEFT HALF BLOCK}"
    return Text.assemble(" " * first, (bar, style))


def outage_table(timelines: Sequence[Timeline]) -> Table:
    """Return the longest outage of each service in each move."""
    table = Table(title="Outages as cn1 saw them", title_justify="left")
    table.add_column("service")
    for timeline in timelines:
        table.add_column(f"{timeline.source} to {timeline.target}", justify="right")
    for service in SERVICES:
        found = [timeline.outage(service) for timeline in timelines]
        cells = ["never came back" if one is None else f"{one:.1f} s" for one in found]
        table.add_row(QUESTIONS[service], *cells)
    return table

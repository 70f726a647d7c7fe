"""Goes through the steps: looks, does what is not done, looks again, and proves the pair.

What has been done is read from the nodes, so an interrupted set-up goes on where it ended.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.database.db2 import advice, hadr
from xcat_hamn.database.db2.instance import CommandRefused
from xcat_hamn.database.db2.messages import Message
from xcat_hamn.database.db2.setup import checks, verification
from xcat_hamn.database.db2.setup.conditions import seeded
from xcat_hamn.database.db2.setup.steps import FIRST, STEPS, Step
from xcat_hamn.errors import CommandFailed, HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xcat_hamn.database.db2.setup.actions import Action
    from xcat_hamn.database.db2.setup.pair import Pair, Side

AGAIN = "`xcat-hamn setup database` goes on from here"


class SetupRefused(HamnError):
    """The set-up cannot begin; ``problems`` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class StepFailed(CommandFailed):
    """A step did not work; the steps before it stay done."""


class Reporter(Protocol):
    """Whoever tells the administrator what happens."""

    def already(self, step: Step, side: Side, text: str) -> None:
        """Take that a step is done already."""

    def begin(self, step: Step, side: Side, text: str, actions: Sequence[Action]) -> None:
        """Take that a step begins, with its commands."""

    def progress(self, fraction: float) -> None:
        """Take how much of the present step is done, 0 to 1."""

    def end(self) -> None:
        """Take that the present step is done."""

    def note(self, text: str) -> None:
        """Take something worth knowing."""


@dataclass(frozen=True)
class Patience:
    """Seconds: ``peer``, until the pair must be in PEER, while it does not catch up any more."""

    peer: float = 60.0
    every: float = 1.0


class Procedure:
    """One run of the set-up."""

    patience = Patience()

    def __init__(self, pair: Pair, reporter: Reporter) -> None:
        self.pair = pair
        self.changed = False
        self._reporter = reporter

    def prepare(self, *, dry_run: bool = False) -> None:
        """Look at both nodes, start the instances, and settle which one is the primary.

        A dry run starts nothing.  Raises SetupRefused for what can never work, HamnError.
        """
        self.pair.look()
        for step in () if dry_run else FIRST:
            self._step(step)
        self.pair.choose()
        problems = list(checks.problems(self.pair))
        if problems:
            raise SetupRefused(problems)

    def plan(self) -> Iterator[tuple[Step, Side, bool]]:
        """Yield every step and side, and whether it is done already."""
        for step in STEPS:
            for side in step.on(self.pair):
                yield step, side, step.done(self.pair, side)

    @property
    def finished(self) -> bool:
        """Tell whether no step is left."""
        return all(done for _, _, done in self.plan())

    @property
    def replaces(self) -> bool:
        """Tell whether a database of the standby's own will be replaced."""
        return self.pair.standby.facts.exists and not seeded(self.pair, self.pair.standby)

    def run(self, keys: Sequence[str] = ()) -> None:
        """Do what is left of the steps, or of those with ``keys`` alone.  Raises StepFailed.

        ``prepare`` comes before, and has done the first.
        """
        for step in STEPS:
            if step not in FIRST and (not keys or step.key in keys):
                self._step(step)

    def _step(self, step: Step) -> None:
        for side in step.on(self.pair):
            text = step.text(self.pair, side)
            if step.done(self.pair, side):
                self._reporter.already(step, side, text)
                continue
            actions = step.actions(self.pair, side)
            self._reporter.begin(step, side, text, actions)
            try:
                for action in actions:
                    action.run(side.machine, self._reporter)
                self.changed = True
                self._after(step, side)
            except HamnError as problem:
                raise self._failed(step, side, problem) from None
            finally:
                self._reporter.end()

    def _after(self, step: Step, side: Side) -> None:
        """Look whether a step has done what it should."""
        if step.key == "restore":
            self.pair.renewed = True
        self.pair.look(side)
        if not step.done(self.pair, side):
            raise CommandFailed(_without_effect(step, side))

    def _failed(self, step: Step, side: Side, problem: HamnError) -> StepFailed:
        undo = step.undo.format(node=side.name, database=self.pair.database)
        what = step.text(self.pair, side)
        why = "; ".join([explained(problem), *self._reasons(step)])
        return StepFailed(
            f"could not {what} (requirement {step.chapter}): {why}; then {AGAIN} "
            f"(to undo this step: {undo})"
        )

    def _reasons(self, step: Step) -> list[str]:
        """Return what both sides show after a start of HADR that failed."""
        if not step.key.startswith("start-"):
            return []
        try:
            self.pair.look()
        except HamnError:
            return []
        return verification.reasons(self.pair)

    def verify(self) -> list[str]:
        """Wait until the pair is in PEER, and return what is wrong when it does not get there.

        While the standby catches up it is waited for.
        """
        end = time.monotonic() + self.patience.peer
        before = None
        while True:
            for side in self.pair.sides:
                side.facts.condition, side.facts.found = side.machine.instance.look()
            if verification.in_peer(self.pair):
                break
            position = self._position()
            if position != before:
                before, end = position, time.monotonic() + self.patience.peer
            if time.monotonic() > end or self._lost():
                break
            time.sleep(self.patience.every)
        self.pair.look()
        return verification.problems(self.pair)

    def _position(self) -> int | None:
        """Return how far the standby's log goes, while it catches up."""
        found = self.pair.standby.facts.found
        if found is None or not found.attached or found.state == hadr.PEER:
            return None
        return found.standby_log[2] if found.standby_log else None

    def _lost(self) -> bool:
        return any(side.facts.found is None for side in self.pair.sides)


def explained(problem: HamnError) -> str:
    """Return what is wrong and what to do, for a refusal of Db2 in our own words."""
    if isinstance(problem, CommandRefused) and problem.code:
        known = advice.ADVICE.get((problem.code, problem.reason)) or advice.ADVICE.get(
            (problem.code, "")
        )
        if known:
            return advice.advice(Message(problem.code, "", problem.reason, ""))
    return str(problem)


def _without_effect(step: Step, side: Side) -> str:
    if step.key == "xcatd":
        return (
            f"xcatd still runs on {side.name} after its unit was stopped, as it does after "
            "restartxcatd: end it with `service xcatd stop` or by its process ids"
        )
    if step.key == "clients":
        return "clients have connected again: stop xcatd on the service nodes, too"
    return (
        "the commands said success, but the node does not show it: look at db2diag.log of the "
        f"instance on {side.name}"
    )

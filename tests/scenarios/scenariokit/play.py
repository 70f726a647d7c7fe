"""Plays one scenario on the stage: its steps, the end that it promises, the audits."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from labkit import host, provision
from labkit.host import LabError
from labkit.prober import Prober

from scenariokit import audit, findings, takeover
from scenariokit.plan import Plan, Step
from scenariokit.stage import Stage
from scenariokit.takeover import Takeover

FOLDER = f"{provision.ROOT}/build/scenarios"
_END_SECONDS = 150.0


@dataclass
class Outcome:
    """How a scenario went: `complaints` is empty when all was as it must be."""

    plan: Plan
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)
    acknowledged: int = 0
    takeover: Takeover | None = None
    trace: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether all was as it must be."""
        return not self.complaints


def play(stage: Stage, plan: Plan, folder: str = FOLDER) -> Outcome:
    """Play a scenario from the start state on; on a failure journals are left in `folder`.

    The start state itself is restored first; LabError when that is not possible.
    """
    active = stage.restore()
    cast = plan if active == "mn1" else plan.exchanged()
    outcome = Outcome(cast)
    began, since = time.monotonic(), time.time()
    commits = stage.writers.total()
    stage.operator.typed = 0.0
    stage.watcher.begin()
    host.say(f"scenario {cast.name}: {cast.shows}")
    try:
        with _asked(stage, cast, active) as prober:
            for step in cast.steps:
                _tell(outcome, began, str(step))
                _perform(stage, step, outcome)
            ended_on = _wait_end(stage, cast)
            _tell(outcome, began, f"settled on {ended_on}; audits")
            if prober is not None:
                outcome.takeover = takeover.measure(stage.world, stage.operator, prober)
        found = findings.gather(stage.world, stage.writers, ended_on, since)
        if cast.loses:
            found.missing = {}
        outcome.complaints += audit.complaints(found, cast.errors, cast.failures)
    except LabError as problem:
        outcome.complaints.append(str(problem))
    outcome.seconds = time.monotonic() - began
    outcome.acknowledged = stage.writers.total() - commits
    if not outcome.passed:
        keep_journals(stage, f"{folder}/{cast.name}", since, outcome)
    return outcome


def _perform(stage: Stage, step: Step, outcome: Outcome) -> None:
    """Do one step; a tolerant scenario goes on without what cannot be done just now."""
    if not outcome.plan.tolerant or step.verb == "reconcile":
        perform(stage, step)
        return
    try:
        perform(stage, step)
    except LabError as problem:
        outcome.trace.append(f"          skipped: {str(problem).splitlines()[0]}")


def perform(stage: Stage, step: Step) -> None:
    """Do one step, or see what it promises.  Raises LabError."""
    for actor in (stage.faults, stage.operator, stage.watcher):
        action = getattr(actor, step.verb, None)
        if action is not None:
            action(step)
            return
    raise LabError(f"nobody knows how to {step.verb}")


def _tell(outcome: Outcome, began: float, text: str) -> None:
    line = f"{time.monotonic() - began:6.1f} s  {text}"
    outcome.trace.append(line)
    host.say(f"  {line}")


@contextlib.contextmanager
def _asked(stage: Stage, plan: Plan, active: str) -> Iterator[Prober | None]:
    """Let cn1 ask the services during a scenario that measures."""
    if not plan.measured:
        yield None
        return
    prober = Prober(stage.world.node("cn1"), provision.SERVICE_ADDRESS, stage.world.node(active))
    prober.start()
    try:
        prober.wait_all_good(30)
        yield prober
    finally:
        prober.stop()


def _wait_end(stage: Stage, plan: Plan) -> str:
    if plan.ends == "any":
        return stage.world.wait_any_settled(_END_SECONDS)
    stage.world.wait_settled(plan.ends, _END_SECONDS)
    return plan.ends


def keep_journals(stage: Stage, folder: str, since: float, outcome: Outcome) -> None:
    """Leave what a person needs to see why a scenario failed."""
    os.makedirs(folder, exist_ok=True)
    parts = [outcome.plan.shows, "", *outcome.trace, "", *outcome.complaints, ""]
    for client in ("cn1", "mn1", "mn2"):
        parts += [f"writer on {client}:", *stage.writers.problems(client, since)[-20:]]
    with open(f"{folder}/story.txt", "w", encoding="utf-8") as stream:
        stream.write("\n".join(parts) + "\n")
    for node in stage.lab.nodes.values():
        with contextlib.suppress(LabError), open(f"{folder}/{node.name}.log", "w") as stream:
            stream.write(node.journal(f"--since=@{int(since) - 1}"))
            stream.write(node.run(stage.world.database.last_words(200), check=False).stdout)
    host.say(f"  what is known of the failure is in {folder}")

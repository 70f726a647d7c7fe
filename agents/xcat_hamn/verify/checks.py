"""A check and what came of it; each engine's module makes a list of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from xcat_hamn.errors import HamnError


class Outcome(Enum):
    """What came of a check."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One line of the result: what was checked, what came of it, and the seconds that took."""

    name: str
    outcome: Outcome
    sentence: str
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Return it for machines."""
        return {
            "name": self.name,
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "seconds": round(self.seconds, 3),
        }


#: A check's name, and what does it: it returns outcome and sentence, or raises HamnError.
Step = tuple[str, Callable[[], tuple[Outcome, str]]]


def run(steps: Sequence[Step]) -> Iterator[Check]:
    """Do ``steps`` one after the other; behind one that failed the rest is skipped."""
    broken = ""
    for name, step in steps:
        if broken:
            yield Check(name, Outcome.SKIPPED, f"not asked, because {broken} failed")
            continue
        begun = time.monotonic()
        try:
            outcome, sentence = step()
        except HamnError as problem:
            outcome, sentence = Outcome.FAILED, str(problem)
        yield Check(name, outcome, sentence, time.monotonic() - begun)
        if outcome is Outcome.FAILED:
            broken = name


def worst(checks: Sequence[Check]) -> Outcome:
    """Return the worst outcome there is; what was skipped is no fault."""
    for outcome in (Outcome.FAILED, Outcome.WARNING):
        if any(check.outcome is outcome for check in checks):
            return outcome
    return Outcome.OK

"""What is told of the sets: the state file that a monitor reads, and the answer to ``status``.

The file is ``{"version": 1, "written": WALL, "epoch": N, "contact": SENTENCE, "sets": [...]}``,
each set ``{"name", "word", "fresh", "behind", "max_age", "pending", "proven", "full",
"full_seconds", "watched", "problem", "sentence"}``: ``behind`` is the time (seconds since 1970) of
the oldest change that is not on the other node, null when there is none, -1 when nobody knows;
``problem`` a word of ``files.ports``, "" when the last copy went well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xcat_hamn.files.resident.decision import Step
from xcat_hamn.files.resident.keeper import Keeper
from xcat_hamn.files.resident.state import SetState
from xcat_hamn.files.sets import FileSet

VERSION = 1
FRESH, COPYING, DOUBTFUL, FAILING, UNWATCHED = (
    "fresh",
    "copying",
    "doubtful",
    "failing",
    "unwatched",
)


def word_of(state: SetState) -> str:
    """Return the word for the state of a set, of low cardinality."""
    if state.problem:
        return FAILING
    if state.fresh:
        return FRESH
    job = state.job
    if state.doubt or state.proven is None or (job and job.doubt):
        return DOUBTFUL
    return UNWATCHED if state.blind and not state.owes else COPYING


def of_set(
    one: FileSet, state: SetState, step: Step | None, watched: str, now: float, wall: float
) -> dict[str, Any]:
    """Return the entry of a set."""
    behind: float | None = None
    if not state.fresh:
        since = state.behind_since()
        behind = -1.0 if since is None else round(wall - (now - since), 1)
    return {
        "name": one.name,
        "word": word_of(state),
        "fresh": state.fresh,
        "behind": behind,
        "max_age": one.max_age,
        "pending": state.pending(),
        "proven": state.proven_wall,
        "full": state.full_wall,
        "full_seconds": round(state.full_seconds, 2),
        "watched": watched,
        "problem": state.problem.kind if state.problem else "",
        "sentence": step.sentence if step else "",
    }


def age(entry: Mapping[str, Any], wall: float) -> float | None:
    """Return the seconds by which the other node is behind; 0.0: fresh; None: nobody knows."""
    behind = entry["behind"]
    if behind is None:
        return 0.0
    return None if behind < 0 else max(0.0, wall - float(behind))


def whole(
    keeper: Keeper, means: Mapping[str, str], now: float, wall: float, epoch: int
) -> dict[str, Any]:
    """Return all that is told; ``means``: how each set is watched."""
    return {
        "version": VERSION,
        "written": round(wall, 1),
        "epoch": epoch,
        "contact": keeper.contact(),
        "sets": [
            of_set(one, keeper.states[name], keeper.steps.get(name), means[name], now, wall)
            for name, one in keeper.sets.items()
        ],
    }

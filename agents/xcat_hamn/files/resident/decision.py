"""What to do next with a file set: one table, one sentence per row.

Rows are tried from the top; the first whose condition holds decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xcat_hamn.files.resident.state import FULL, SAMPLE, SOME, SetState

NOTHING = ""
#: Seconds in which changes are gathered into one copy, from the first of them on.
GATHER = 0.5
#: Seconds between two tries while somebody waits for the last copy.
HURRY = 1.0
#: A full comparison because of a doubt rests as long as the last one took, so that endless doubts
#: (a tree that is rewritten faster than it is watched) cost half of the time at most.
LONGEST_REST = 60.0
#: A set that the watch does not wholly see is compared so often, in seconds, and takes at most
#: this part of the time.
BLIND_EVERY, BLIND_SHARE = 30.0, 0.2


@dataclass(frozen=True)
class View:
    """A set at a moment of the monotonic clock; ``urgent``: somebody waits for the last copy."""

    state: SetState
    now: float
    urgent: bool = False

    @property
    def pause(self) -> float:
        """Return until when nothing is tried after a failure; who waits is kept short."""
        state = self.state
        return min(state.not_before, state.failed_at + HURRY) if self.urgent else state.not_before

    @property
    def gathering(self) -> float:
        """Return until when changes are gathered."""
        since = self.state.since
        return (since if since is not None else self.now) + GATHER

    @property
    def rest(self) -> float:
        """Return until when comparing everything rests."""
        state = self.state
        if state.full_at is None:
            return 0.0
        return state.full_at + min(state.full_seconds, LONGEST_REST)

    @property
    def blind_next(self) -> float:
        """Return when a set that is not wholly seen is compared again."""
        state = self.state
        if state.full_at is None:
            return 0.0
        return state.full_at + max(BLIND_EVERY, state.full_seconds / BLIND_SHARE)


@dataclass(frozen=True)
class Row:
    """A case: its name, when it holds, the copy to begin, until when to wait, its sentence."""

    name: str
    when: Callable[[View], bool]
    kind: str
    until: Callable[[View], float | None]
    sentence: str


@dataclass(frozen=True)
class Step:
    """What to do: ``kind`` of copy or NOTHING; ``at``: when to ask again (None: at an event)."""

    row: str
    kind: str
    at: float | None
    sentence: str


def _never(_: View) -> float | None:
    return None


TABLE = (
    Row("running", lambda v: v.state.job is not None, NOTHING, _never, "a copy is running"),
    Row(
        "pause after a failure",
        lambda v: v.now < v.pause,
        NOTHING,
        lambda v: v.pause,
        "{problem}; it is tried again in {pause:.0f} s",
    ),
    Row(
        "asked for",
        lambda v: v.state.asked,
        FULL,
        _never,
        "everything is compared, as somebody asked for it",
    ),
    Row(
        "doubt, resting",
        lambda v: bool(v.state.doubt) and v.now < v.rest and not v.urgent,
        NOTHING,
        lambda v: v.rest,
        "everything will be compared in {rest:.0f} s: {doubt}",
    ),
    Row(
        "doubt",
        lambda v: bool(v.state.doubt),
        FULL,
        _never,
        "everything is compared: {doubt}",
    ),
    Row(
        "gathering",
        lambda v: bool(v.state.paths or v.state.trees) and v.now < v.gathering and not v.urgent,
        NOTHING,
        lambda v: v.gathering,
        "{count} changes are gathered",
    ),
    Row(
        "changes",
        lambda v: bool(v.state.paths or v.state.trees),
        SOME,
        _never,
        "{count} changes are copied",
    ),
    Row(
        "scheduled",
        lambda v: v.state.due and not v.urgent,
        FULL,
        _never,
        "everything is compared, as the schedule says",
    ),
    Row(
        "not wholly seen",
        lambda v: bool(v.state.blind) and v.now >= v.blind_next,
        FULL,
        lambda v: v.blind_next,
        "everything is compared now and then: {blind}",
    ),
    Row(
        "not wholly seen, waiting",
        lambda v: bool(v.state.blind),
        NOTHING,
        lambda v: v.blind_next,
        "it was equal {ago:.0f} s ago, and is compared now and then: {blind}",
    ),
    Row(
        "sample",
        lambda v: v.state.sample and not v.urgent,
        SAMPLE,
        _never,
        "the contents of a sample are compared",
    ),
    Row("fresh", lambda v: v.state.fresh, NOTHING, _never, "everything is on the other node"),
    Row("idle", lambda _: True, NOTHING, _never, "nothing is known to be missing"),
)


def decide(view: View) -> Step:
    """Return the next step for a set."""
    row = next(row for row in TABLE if row.when(view))
    state = view.state
    job = state.job
    sentence = row.sentence.format(
        problem=state.problem.sentence if state.problem else "a copy failed",
        pause=max(1.0, view.pause - view.now),
        rest=max(1.0, view.rest - view.now),
        doubt=state.doubt or (job.doubt if job else ""),
        count=state.pending(),
        blind=state.blind,
        ago=view.now - state.proven if state.proven is not None else 0.0,
    )
    return Step(row.name, row.kind, row.until(view), sentence)

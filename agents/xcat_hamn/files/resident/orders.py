"""What somebody waits for: the copy that was asked for, or the last one before a planned move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xcat_hamn.files.ports import PASSING
from xcat_hamn.files.resident.state import SetState

SYNC, FINISH = "sync", "finish"
#: Before a planned move, sets whose comparison takes at most so many seconds are compared whole,
#: although nothing is known to be missing: it is cheap, and the last occasion.
CHEAP = 1.0


@dataclass(frozen=True)
class Order:
    """``names`` of sets that must be proven equal at a moment after ``began``, until ``end``.

    ``kind``: SYNC or FINISH; both moments by the monotonic clock.
    """

    kind: str
    names: tuple[str, ...]
    began: float
    end: float


@dataclass(frozen=True)
class Standing:
    """How far an order is: which sets are proven, why others are not, whether it is over."""

    proven: tuple[str, ...]
    missing: Mapping[str, str]
    over: bool


def wants_comparison(order: Order, state: SetState) -> bool:
    """Tell whether ``order`` wants the set compared whole, even if it is fresh."""
    if order.kind == SYNC:
        return True
    return state.full_at is not None and state.full_seconds <= CHEAP


def proven(order: Order, state: SetState) -> bool:
    """Tell whether the set is proven equal as ``order`` wants it.

    A set that is not wholly watched is proven by a comparison that began after the order.
    """
    if state.asked or state.owes or state.proven is None:
        return False
    return state.proven >= order.began if state.blind else state.fresh


def hopeless(order: Order, state: SetState) -> bool:
    """Tell whether trying again needs somebody's hand first."""
    problem = state.problem
    return bool(problem and problem.kind not in PASSING and state.failed_at >= order.began)


def standing(
    order: Order, states: Mapping[str, SetState], sentences: Mapping[str, str], now: float
) -> Standing:
    """Return how far ``order`` is; ``sentences``: what is going on with each set."""
    good = tuple(name for name in order.names if proven(order, states[name]))
    missing = {}
    waiting = False
    for name in order.names:
        if name in good:
            continue
        state = states[name]
        why = state.problem.sentence if state.problem else sentences.get(name, "")
        missing[name] = why or "it was not its turn yet"
        waiting |= not hopeless(order, state)
    over = not missing or not waiting or now >= order.end
    return Standing(good, missing, over)

"""How much time is left: one object that every wait asks, so that nothing waits for ever."""

from __future__ import annotations

import time

from xcat_hamn.errors import DeadlineExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """A point in monotonic time, ``seconds`` from now."""

    __slots__ = ("_end", "total")

    def __init__(self, seconds: float) -> None:
        self.total = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def at_most(self, seconds: float) -> float:
        """Return ``seconds``, or what is left if that is less."""
        return min(seconds, self.left())

    def sooner(self, seconds: float) -> Deadline:
        """Return a deadline ``seconds`` from now that does not outlive this one."""
        return Deadline(self.at_most(seconds))

    def holds(self, condition: Callable[[], bool], *, every: float = 0.05) -> bool:
        """Poll ``condition`` every ``every`` seconds, at least once; tell if it held in time."""
        while not condition():
            if self.left() <= 0:
                return False
            time.sleep(self.at_most(every))
        return True

    def wait_for(self, condition: Callable[[], bool], what: str, *, every: float = 0.05) -> None:
        """Poll ``condition`` until it holds.

        Raises DeadlineExceeded, naming ``what``, when it does not in time.
        """
        if not self.holds(condition, every=every):
            raise DeadlineExceeded(
                f"{what} did not happen within {self.total:.0f} s: look at the log of that "
                "component, or raise the operation's timeout"
            )

"""What the keeper asks of the things around it; tests put others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from xcat_hamn.files.resident.lanes import Call
from xcat_hamn.files.watch.changes import Changes


class Watching(Protocol):
    """What is asked of the watch (``files.watch``)."""

    def changes(self) -> Changes:
        """Return what changed since the last call."""
        ...

    def blind(self) -> Mapping[bytes, str]:
        """Return what may change unseen, and why."""
        ...


class Track(Protocol):
    """What is asked of a lane (``lanes.Lane``)."""

    @property
    def busy(self) -> bool:
        """Tell whether a call runs."""
        ...

    def begin(self, key: str, call: Call) -> None:
        """Run a call."""
        ...

    def free(self) -> None:
        """Take note of its end."""
        ...

    def cancel(self) -> None:
        """End it early."""
        ...


class Clock(Protocol):
    """The two clocks."""

    def monotonic(self) -> float:
        """Return seconds that nobody can set."""
        ...

    def time(self) -> float:
        """Return seconds since 1970."""
        ...


class Journal(Protocol):
    """Where decisions are written down."""

    def info(self, message: str) -> None:
        """Note a decision."""
        ...

    def warning(self, message: str) -> None:
        """Note what somebody should look at."""
        ...

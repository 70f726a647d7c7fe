"""The peer window: until when a lost primary can have committed nothing that is missing here.

While the pair is in PEER, the primary tells its standby a time before which it writes no log that
is not on the standby too, whatever happens to the connection.  A primary that is proven dead
before that time has therefore lost nothing, however late the takeover comes (HADR wiki, "hadr peer
window").  Db2 itself allows ``PEER WINDOW ONLY`` no longer then, so the time must be remembered.

The promise ends early when the pair reconnects: while the standby catches up, the primary commits
without it.  That may happen and be over between two looks.  So what was remembered counts, once
the standby is out of the window, only for the very same loss of connection, which Db2 dates.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr

#: Seconds by which the clocks of the two nodes may differ; Db2 subtracts them too.
CLOCK_MARGIN = 5


class Window:
    """``end``: seconds since the epoch; ``lost_at``: when the connection was lost, None before."""

    __slots__ = ("end", "lost_at")

    def __init__(self, end: int, lost_at: int | None = None) -> None:
        self.end = end
        self.lost_at = lost_at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """Return the form that ``parse_window`` reads."""
        return f"{self.end} {self.lost_at or 0}"


def parse_window(text: str | None) -> Window | None:
    """Return what ``str`` of a window was, None for anything else."""
    words = (text or "").split()
    if len(words) != 2:
        return None
    end, lost_at = (hadr.number_of(word) for word in words)
    return Window(end, lost_at or None) if end else None


def is_credible(window: Window, found: hadr.Hadr, now: int) -> bool:
    """Tell whether the clocks agree, as far as can be seen from here.

    The primary promises the length of the window ahead by its own clock, and no more.  A window
    that ends later than that by ours means that our clock is behind: to us it would seem open
    while the primary commits alone.  (A clock that is ahead only costs a part of the window.)
    """
    return not found.peer_window or window.end <= now + found.peer_window + CLOCK_MARGIN


def remember(before: Window | None, found: hadr.Hadr) -> Window | None:
    """Return which window holds on a standby that shows ``found``, given what held ``before``."""
    if found.role != hadr.STANDBY or found.syncmode not in hadr.WAITING_MODES:
        return None
    if found.peer_wait_limit:
        # The primary leaves PEER by itself after so many seconds of waiting, window or not.
        return None
    if found.state == hadr.PEER and found.peer_window_end:
        return Window(found.peer_window_end)
    if found.state == hadr.DISCONNECTED_PEER and found.peer_window_end:
        return Window(found.peer_window_end, found.connected_at)
    if found.state == hadr.REMOTE_CATCHUP_PENDING and not found.attached and before is not None:
        return before if before.lost_at and before.lost_at == found.connected_at else None
    return None

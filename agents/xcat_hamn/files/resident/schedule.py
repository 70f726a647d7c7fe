"""When a check on schedule is due; clocks may jump and days may have 23 or 25 hours."""

from __future__ import annotations

import re
import time

_DAY = 86400.0
_FORM = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def parse(schedule: str) -> tuple[int, int] | None:
    """Return (hour, minute) of "HH:MM", None of "" (never).  Raises ValueError."""
    if not schedule:
        return None
    found = _FORM.fullmatch(schedule)
    if not found:
        raise ValueError(f'a schedule is a time like "01:00", not "{schedule}"')
    return int(found[1]), int(found[2])


def latest(schedule: tuple[int, int], now: float) -> float:
    """Return the last time at or before ``now`` (seconds since 1970) at which it was due."""
    today = time.localtime(now)
    for back in (0, 1, 2):
        moment = time.mktime(
            (today.tm_year, today.tm_mon, today.tm_mday - back, *schedule, 0, 0, 0, -1)
        )
        if moment <= now:
            return moment
    return now - _DAY


def is_due(schedule: str, last_wall: float | None, wall: float, elapsed: float | None) -> bool:
    """Tell whether a full check is due.

    ``last_wall`` and ``wall``: the last check and now by the clock that people set.  ``elapsed``:
    seconds since the last check by the clock that nobody can set: a clock that was put back makes
    no day longer than two.  None: there was no check yet, and the beginning is one.
    """
    times = parse(schedule)
    if times is None or last_wall is None or elapsed is None:
        return False
    if elapsed >= 2 * _DAY:
        return True
    return last_wall < latest(times, wall) <= wall


def next_after(schedule: str, wall: float) -> float:
    """Return the seconds from ``wall`` to the next time it is due, at most an hour.

    Asking again every hour finds a clock that was set and a changed time zone in time.
    """
    times = parse(schedule)
    if times is None:
        return 3600.0
    upcoming = latest(times, wall + _DAY)
    return min(3600.0, max(1.0, upcoming - wall))

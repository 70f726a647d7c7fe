"""Signals to processes that are not our children and may end at any moment."""

from __future__ import annotations

import os

SIGKILL = 9


def signal_process(pid: int, number: int) -> None:
    """Send signal ``number`` to process ``pid``; one that has ended is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

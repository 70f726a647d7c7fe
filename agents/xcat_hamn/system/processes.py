"""Signals to processes that are not our children and may end at any moment."""

from __future__ import annotations

import os

from xcat_hamn.system.files import read_text

SIGKILL = 9


def signal_process(pid: int, number: int) -> None:
    """Send signal ``number`` to process ``pid``; one that has ended is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def is_stopped(pid: int) -> bool:
    """Tell whether process ``pid`` is stopped (SIGSTOP, a debugger): it heeds SIGKILL only."""
    try:
        text = read_text(f"/proc/{pid}/stat") or ""
    except OSError:
        return False
    # The program's name stands in parentheses and may hold any character (proc(5)).
    state = text.rpartition(")")[2].split()
    return bool(state) and state[0] in ("T", "t")

"""Processes, which are known by pid and time of start."""

from __future__ import annotations


def process_start(pid: int) -> str:
    """Return when a process started, nothing when it has ended: pids come again."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

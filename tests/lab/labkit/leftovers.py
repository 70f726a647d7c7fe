"""Finding and ending what an earlier run left: by mark, group and root, never by bare name."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from labkit import cgroups, host


def of_lab(lab: str) -> Callable[[int], bool]:
    """Return a test for the processes of one lab, on the host and inside its nodes."""
    return lambda pid: host.marked(pid, lab) or cgroups.holds(pid, lab)


def of_build(release: str) -> Callable[[int], bool]:
    """Return a test for the processes of an image build, on the host and inside the image."""
    root = f"{host.CACHE}/.{release}.new"
    return lambda pid: host.marked(pid, f"build.{release}") or _root(pid).startswith(root)


def end(mine: Callable[[int], bool]) -> bool:
    """Kill all processes for which `mine` is true; return whether there was none.

    The test is repeated on a handle of the process, so that a number that has been given to
    somebody else meanwhile is never hit.
    """
    found = [pid for pid in host.processes() if mine(pid)]
    for pid in found:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with contextlib.suppress(ProcessLookupError):
            if mine(pid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return not found


def end_build(release: str) -> None:
    """End an image build whose owner died, and remove what it made; the caller holds the lock."""
    deadline = time.monotonic() + 20
    while not end(of_build(release)) and time.monotonic() < deadline:
        time.sleep(0.05)
    host.remove_tree(f"{host.CACHE}/.{release}.new")


def images_in_use() -> set[str]:
    """Return the images on which the nodes of any lab stand, running or crashed."""
    used = set()
    for name in labs():
        with contextlib.suppress(OSError):
            used.add(os.readlink(f"{host.STATE}/{name}/image"))
    return used


def labs() -> list[str]:
    """Return the names of all labs on this host."""
    try:
        return [name for name in os.listdir(host.STATE) if "." not in name]
    except FileNotFoundError:
        return []


def orphans() -> list[str]:
    """Return the labs that were made for the life of a process that is dead now."""
    found = []
    for name in labs():
        with contextlib.suppress(OSError, ValueError):
            with open(f"{host.STATE}/{name}/owner", encoding="ascii") as stream:
                pid, birth = stream.read().split()
            if host.started(int(pid)) != birth:
                found.append(name)
    return found


def _root(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/root")
    except OSError:
        return ""

"""Locks between the processes of one node, and how a newer one makes an older one give way.

The lock is the kernel's (flock), so that it ends with its holders, however they end: rsync inherits
it from the receiver that started it.  The file names the process group that is to be ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator

from xcat_hamn.errors import NodeError

_STEP = 0.02


def open_lock(path: str) -> int:
    """Open (and make) the lock file ``path``; return its descriptor."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take the lock (``fcntl.LOCK_EX`` or ``LOCK_SH``) when it is free; tell whether it was."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_lock(descriptor: int, kind: int, seconds: float) -> bool:
    """Take the lock within ``seconds``; tell whether it was had."""
    end = time.monotonic() + seconds
    while not try_lock(descriptor, kind):
        if time.monotonic() > end:
            return False
        time.sleep(_STEP)
    return True


@contextlib.contextmanager
def held(path: str, seconds: float = 10.0) -> Iterator[None]:
    """Hold the lock ``path`` alone, for a few lines.  Raises NodeError when it is not had."""
    descriptor = open_lock(path)
    try:
        if not wait_lock(descriptor, fcntl.LOCK_EX, seconds):
            raise NodeError(
                f"another process holds {path} for more than {seconds:.0f} s: look at what hangs"
            )
        yield
    finally:
        os.close(descriptor)


def group_in(descriptor: int) -> int:
    """Return the process group that the lock's file names, 0 for none."""
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else 0


def name_group(descriptor: int, group: int) -> None:
    """Write down whom to end for this lock."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{group}\n".encode(), 0)


def take_over(path: str, seconds: float = 10.0) -> int:
    """Take the lock ``path`` alone, ending the group that holds it; return the descriptor.

    Raises NodeError when it is not had within ``seconds``.
    """
    descriptor = open_lock(path)
    end, force = time.monotonic() + seconds, time.monotonic() + seconds / 2
    told = (0, signal.SIGTERM)
    while not try_lock(descriptor, fcntl.LOCK_EX):
        group = group_in(descriptor)
        number = signal.SIGKILL if time.monotonic() > force else signal.SIGTERM
        if group > 1 and (group, number) != told:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
            told = (group, number)
        if time.monotonic() > end:
            os.close(descriptor)
            raise NodeError(
                f"an older copy still holds {path} and does not end: look at why it hangs"
            )
        time.sleep(_STEP)
    # Whom it named has ended; the number may be anybody's by now.
    name_group(descriptor, 0)
    return descriptor

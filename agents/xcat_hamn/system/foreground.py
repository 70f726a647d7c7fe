"""A command in front of a person: its output goes where ours goes, and ctrl-C ends both in order.

For the administrator's tool alone; agents run commands through ``system.runner``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from xcat_hamn.system.runner import ENVIRONMENT, find_executable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 5.0


class Foreground:
    """A running command; started in a session of its own, so that only we pass signals on."""

    def __init__(self, argv: Sequence[str], *, quiet: bool = False) -> None:
        """Start ``argv``; ``quiet`` sends what it prints to stderr.  Raises MissingTool."""
        command = [find_executable(argv[0]), *argv[1:]]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2 if quiet else None,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def ended(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End it with all that it started, if it still runs."""
        if self._process.poll() is not None:
            return
        for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            end = time.monotonic() + patience
            while self._process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Turn the first ctrl-C, termination or hang-up into KeyboardInterrupt and ignore any other.

    So what is to be undone at the end is undone, however impatient the person is.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        deafen()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deafen() -> None:
    """Ignore further interruptions, until the end of ``interrupted_once``."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)

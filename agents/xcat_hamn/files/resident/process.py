"""The resident process itself: one loop over the watch, the lanes, the socket and signals."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xcat_hamn.errors import CommandTimeout, HamnError, MissingTool, Refused
from xcat_hamn.files.locks import name_group, open_lock, try_lock
from xcat_hamn.files.ports import Result, Transfer
from xcat_hamn.files.resident import glance, report
from xcat_hamn.files.resident.control import Control
from xcat_hamn.files.resident.keeper import REST, Keeper, roots_of
from xcat_hamn.files.resident.lanes import Lane
from xcat_hamn.files.resident.parts import Journal
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.files.sets import FileSet
from xcat_hamn.files.watch.changes import Changes
from xcat_hamn.files.watch.watch import Watch
from xcat_hamn.system.files import read_text, remove, write_pairs, write_text
from xcat_hamn.system.runner import Runner

#: Seconds between two writings of the state file while it changes all the time.
_OFTEN = 1.0
#: Seconds that running copies get to end when the process is told to stop.
_PATIENCE = 3.0


class Dark:
    """Stands for a watch where the kernel gives none: everything may change unseen."""

    def __init__(self, roots: Sequence[bytes], why: str) -> None:
        self._blind = dict.fromkeys(roots, f"nothing can be watched: {why}")

    def changes(self) -> Changes:
        """Return that nothing was seen."""
        return Changes()

    def blind(self) -> Mapping[bytes, str]:
        """Return why."""
        return self._blind


def alone(where: Whereabouts) -> int:
    """Take the lock of the single instance; return its descriptor.  Raises Refused."""
    descriptor = open_lock(where.lock)
    if not try_lock(descriptor, fcntl.LOCK_EX):
        os.close(descriptor)
        raise Refused(
            "the process that copies the files runs already on this node: it is not started twice"
        )
    name_group(descriptor, os.getpid())
    return descriptor


def give_way(runner: Runner) -> None:
    """Take a low priority for this process and all that it starts."""
    os.nice(10 - os.nice(0))
    with contextlib.suppress(MissingTool, CommandTimeout):
        runner.run(["ionice", "-c", "2", "-n", "7", "-p", str(os.getpid())], timeout=5)


def end_children() -> None:
    """Kill what this process started and that has not ended yet (each leads a group)."""
    if not os.path.isdir("/proc/self/task"):
        return  # not Linux: what is left ends once its pipes are closed
    for thread in os.listdir("/proc/self/task"):
        children = read_text(f"/proc/self/task/{thread}/children") or ""
        for child in children.split():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(child), signal.SIGKILL)


class Resident:
    """Wires the parts and runs until ``stop`` or a signal."""

    def __init__(
        self,
        sets: Sequence[FileSet],
        where: Whereabouts,
        connect: Callable[[], Transfer],
        journal: Journal,
        epoch: Callable[[], int] = lambda: 0,
        until: Mapping[str, float] | None = None,
    ) -> None:
        self._where = where
        self._journal = journal
        self._epoch = epoch
        self._ends: queue.SimpleQueue[tuple[str, str, Result]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ, self._woken)
        quick, whole = (self._lane(name, connect()) for name in ("quick", "whole"))
        self._lanes = (quick, whole)
        self._watch: Watch | None = None
        seen = self._watched([root for one in sets for root in roots_of(one)])
        self.keeper = Keeper(sets, seen, quick, whole, time, journal, until)
        self._control = Control(where.socket, self._selector)
        self._stopping = False
        self._written: dict[str, Any] = {}
        self._wrote = -glance.RENEWED

    def _lane(self, name: str, transfer: Transfer) -> Lane:
        def done(key: str, result: Result) -> None:
            self._ends.put((name, key, result))
            self._ring()

        return Lane(name, transfer, done)

    def _watched(self, roots: list[bytes]) -> Watch | Dark:
        try:
            self._watch = Watch()
            self._watch.start(list(dict.fromkeys(roots)))
        except OSError as problem:
            if self._watch:
                self._watch.close()
                self._watch = None
            return Dark(roots, problem.strerror or str(problem))
        return self._watch

    def stop(self) -> None:
        """End the loop soon; safe in a signal handler."""
        self._stopping = True
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell, b"!")

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def run(self) -> None:
        """Work until told to stop, then leave nothing running."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        self._journal.info("watching " + ", ".join(f"{k} ({v})" for k, v in self._means().items()))
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        keeper = self.keeper
        while not self._ends.empty():
            keeper.ended(*self._ends.get())
        again = keeper.advance()
        self._control.answer(self._status, keeper.order, keeper.standing)
        if keeper.orders:
            again = min(again, keeper.advance())  # one that has just been taken begins at once
        rested = time.monotonic() + REST
        self._sleep(rested, max(rested, min(again, self._write_report())))

    def _sleep(self, rested: float, until: float) -> None:
        """Wait for anything but the watch at first, then for the watch too, or until ``until``."""
        while True:
            now = time.monotonic()
            heed = self._watch is not None and now >= rested
            if heed and self._watch:
                self._selector.register(self._watch, selectors.EVENT_READ)
            try:
                end = until if heed or self._watch is None else min(until, rested)
                ready = self._selector.select(max(0.0, end - now))
            finally:
                if heed and self._watch:
                    self._selector.unregister(self._watch)
            for key, _ in ready:
                if key.data:
                    key.data()
            if ready or time.monotonic() >= until or self._stopping:
                return

    def _means(self) -> dict[str, str]:
        known = self._watch.means() if self._watch else {}
        return {
            name: "+".join(sorted({known.get(root, "nothing") for root in roots_of(one)}))
            for name, one in self.keeper.sets.items()
        }

    def _status(self) -> dict[str, Any]:
        return report.whole(
            self.keeper, self._means(), time.monotonic(), time.time(), self._epoch()
        )

    def _write_report(self) -> float:
        """Write the state file if it is time to; return when to look again."""
        now = time.monotonic()
        status = self._status()
        written = status.pop("written")
        if status == self._written and now < self._wrote + glance.RENEWED:
            return self._wrote + glance.RENEWED
        if now < self._wrote + _OFTEN:
            return self._wrote + _OFTEN
        self._written, self._wrote = status, now
        text = json.dumps({"written": written, **status}, indent=1)
        try:
            write_text(self._where.report, text + "\n", 0o644)
            write_pairs(self._where.brief, glance.pairs(status["sets"], status["contact"], now))
        except OSError as problem:
            self._journal.warning(f"the state cannot be written down ({problem.strerror})")
        return now + glance.RENEWED

    def _end(self) -> None:
        for lane in self._lanes:
            lane.stop(_PATIENCE)
        end_children()
        self._control.close()
        if self._watch:
            self._watch.close()
        remove(self._where.report)
        remove(self._where.brief)
        self._selector.close()
        for descriptor in (self._wake, self._bell):
            os.close(descriptor)
        self._journal.info("stopped")


def described(problem: BaseException) -> str:
    """Return the last sentence of a process that ends by ``problem``."""
    return (
        str(problem) if isinstance(problem, HamnError) else f"{type(problem).__name__}: {problem}"
    )

"""Where copies run: a thread with a connection of its own that carries out one call at a time.

Two of them, so that comparing a million files does not hold up the next small change elsewhere.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from xcat_hamn.files.ports import FAILED, Result, Transfer

Call = Callable[[Transfer], Result]


class Lane:
    """A thread that runs calls; ``done(key, result)`` is called in it when one has ended."""

    def __init__(self, name: str, transfer: Transfer, done: Callable[[str, Result], None]) -> None:
        self.name = name
        self._transfer = transfer
        self._done = done
        self._calls: queue.SimpleQueue[tuple[str, Call] | None] = queue.SimpleQueue()
        self.running = ""
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Tell whether a call runs whose end was not yet taken note of."""
        return bool(self.running)

    def begin(self, key: str, call: Call) -> None:
        """Run ``call`` for ``key``; only while not busy."""
        self.running = key
        self._calls.put((key, call))

    def free(self) -> None:
        """Take note of the end of the call."""
        self.running = ""

    def cancel(self) -> None:
        """End the running call early; it then fails."""
        if self.busy:
            self._transfer.cancel()

    def stop(self, patience: float) -> None:
        """End the running call and the thread, within ``patience`` seconds."""
        self.cancel()
        self._calls.put(None)
        self._thread.join(patience)
        self._transfer.close()

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            key, call = asked
            try:
                result = call(self._transfer)
            except Exception as problem:  # noqa: BLE001 - the set must not stay "running" for ever
                sentence = f"the copy broke off: {type(problem).__name__}: {problem}"
                result = Result(False, FAILED, sentence)
            self._done(key, result)

"""How far a long command is: BACKUP and RESTORE by LIST UTILITIES, rsync by what it prints."""

from __future__ import annotations

import contextlib
import threading

from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xcat_hamn.database.db2.setup.machine import Machine

_EVERY = 2.0
_PATIENCE = 20


def work(text: str) -> tuple[int | None, int | None]:
    """Return (total, completed) bytes of the first utility in LIST UTILITIES SHOW DETAIL.

    None for what it does not tell: a restore has no total.
    """
    values: dict[str, int] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        words = value.split()
        if equals and words and words[0].isdecimal() and words[1:2] == ["bytes"]:
            values.setdefault(" ".join(key.split()), int(words[0]))
    return values.get("Total Work"), values.get("Completed Work")


@contextlib.contextmanager
def utilities(machine: Machine, total: int, tell: Callable[[float], None]) -> Iterator[None]:
    """Tell how far the utility is that runs inside; ``total`` bytes when Db2 does not know.

    What cannot be asked is not told: the work itself does not depend on it.
    """
    ended = threading.Event()

    def ask() -> None:
        # With timeout(1) as its parent it has a back-end of its own: the one of ours is busy.
        argv = ["timeout", str(_PATIENCE), machine.instance.program("db2")]
        while not ended.wait(_EVERY):
            with contextlib.suppress(HamnError):
                shown = machine.owner([*argv, "LIST", "UTILITIES", "SHOW", "DETAIL"], _PATIENCE + 5)
                known, done = work(shown.stdout)
                if done is not None and (known or total):
                    tell(min(1.0, done / (known or total)))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE)


class Rsync:
    """Reads what ``rsync --info=progress2`` prints: ``  1,048,576  37%  ...`` after each return."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._rest = b""

    def read(self, piece: bytes) -> None:
        """Take the next piece of its output."""
        *lines, self._rest = (self._rest + piece).replace(b"\n", b"\r").split(b"\r")
        for line in lines:
            words = line.split()
            if len(words) > 1 and words[1].endswith(b"%") and words[1][:-1].isdigit():
                self._tell(int(words[1][:-1]) / 100)

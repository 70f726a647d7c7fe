"""Makes something that fails again and again fail slowly.

Pacemaker starts a resource that failed again at once; a server whose data is damaged was started
more than twice a second (119 times in 50 s), and nothing else of the cluster got its turn.
"""

from __future__ import annotations

import time

from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.system.deadline import Deadline

#: Seconds of the longest pause, and without a failure after which the count begins anew.
LONGEST, FORGOTTEN = 20.0, 120.0


class Backoff:
    """The failures of one thing, counted in the file ``path`` in /run.

    ``longest``: seconds of the longest pause.
    """

    def __init__(self, path: str, longest: float = LONGEST) -> None:
        self._path = path
        self._longest = longest

    def failed(self, deadline: Deadline) -> None:
        """Count a failure, and wait: not after the first, then 2, 4, 8 s and so on.

        Never longer than half of what is left of ``deadline``.
        """
        count, _, last = (read_text(self._path) or "").partition(" ")
        now = time.monotonic()
        recent = count.isdecimal() and 0 <= now - float(last) < FORGOTTEN
        failures = int(count) + 1 if recent else 1
        pause = min(2.0 ** (failures - 1), self._longest) if failures > 1 else 0.0
        time.sleep(min(pause, deadline.left() / 2))
        write_text(self._path, f"{failures} {time.monotonic():.0f}", mode=0o644)

    def succeeded(self) -> None:
        """Forget all failures."""
        remove(self._path)

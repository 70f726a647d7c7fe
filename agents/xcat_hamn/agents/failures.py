"""Whether a demotion is Pacemaker's recovery of a primary whose monitor failed, or a move.

Pacemaker does not say.  But it keeps the time of the last failure of each monitor as an attribute,
named after the monitor and its interval.
"""

from __future__ import annotations

import time

from xcat_hamn import errors
from xcat_hamn.system.files import read_text, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.ocf.context import Context

#: Seconds after a failed monitor in which a demotion is Pacemaker's recovery, not a move.
_LATELY = 30.0


class Failures:
    """The failures of one primary's monitors."""

    def __init__(self, context: Context, attributes: Attributes, node: str) -> None:
        self._context = context
        self._attributes = attributes
        self._node = node
        self._file = f"{context.run_directory}/interval"

    def _intervals(self) -> list[str]:
        return (read_text(self._file) or "").split()

    def note(self) -> None:
        """Remember the interval of the monitor that this call is."""
        known, interval = self._intervals(), str(self._context.interval)
        if self._context.interval and interval not in known:
            write_text(self._file, " ".join([*known, interval]), mode=0o644)

    def lately(self) -> bool:
        """Tell whether a monitor of this primary failed within the last half minute."""
        for interval in self._intervals():
            name = f"last-failure-{self._context.instance}#monitor_{interval}"
            try:
                when = self._attributes.published(name, self._node) or ""
            except errors.CommandFailed:
                continue
            if when.isdecimal() and abs(time.time() - int(when)) < _LATELY:
                return True
        return False

"""Proofs that become right a moment after the daemon runs."""

from __future__ import annotations

from xcat_hamn.errors import CommandTimeout, HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.system.deadline import Deadline

#: On a loaded machine named answered for a node a second after makedns had returned, and conserver
#: lists its consoles only when the processes that hold them are up (9.18 and 8.2.7 on Debian 12).
SECONDS = 10.0


def until_right(deadline: Deadline, proof: Callable[[], None]) -> None:
    """Repeat ``proof`` until it raises nothing, for at most SECONDS.

    Raises what it raised last.  A command that hung is not asked again.
    """
    problems: list[HamnError] = []

    def right() -> bool:
        try:
            proof()
        except CommandTimeout:
            raise
        except HamnError as problem:
            problems[:] = [problem]
            return False
        return True

    if not deadline.sooner(SECONDS).holds(right, every=0.2):
        raise problems[0]

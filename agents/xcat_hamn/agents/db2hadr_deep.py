"""What xcat-db2hadr asks at OCF_CHECK_LEVEL 10, beyond db2pd: whether somebody answers."""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.marks import HANGS
from xcat_hamn.database.db2.sql import Sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.agents.db2hadr_parts import Parts

#: Seconds within which a primary answers SQL, however busy it is, and the part of a monitor's time
#: that may go by at most.
_ANSWER, _SHARE = 30.0, 0.8


class Deep:
    """The questions, through what the agent acts through.

    ``look`` is that of the monitor; ``outlasted`` tells whether the host's name was being changed,
    and waits for its end.
    """

    def __init__(
        self,
        parts: Parts,
        look: Callable[[], tuple[str, hadr.Hadr | None]],
        outlasted: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._look = look
        self._outlasted = outlasted

    def answers(self) -> bool:
        """Tell whether SQL works; False means that the database changes and is to be judged anew.

        Raises FailedPromoted.
        """
        parts, deadline = self._parts, self._parts.call.deadline
        patience = deadline.sooner(min(_ANSWER, deadline.left() * _SHARE))
        try:
            Sql(parts.instance, patience, parts.call.log).read()
        except errors.HamnError as problem:
            if self._outlasted():
                return False
            _, found = self._look()
            if found is not None and found.role == hadr.PRIMARY:
                if isinstance(problem, errors.CommandTimeout):
                    parts.marks.put(HANGS)
                    problem = self._hangs(problem)
                raise errors.FailedPromoted(str(problem)) from None
            return False
        return True

    def require_answer(self) -> None:
        """Raise CommandTimeout, with the score gated, when the instance of a standby hangs."""
        parts = self._parts
        try:
            parts.instance.configuration()
        except errors.CommandTimeout as problem:
            parts.marks.put(HANGS)
            hangs = self._hangs(problem)
            parts.publication.refuse(str(hangs))
            raise hangs from None
        except errors.HamnError as problem:
            parts.call.log.info(f"it answered: {problem}")

    def _hangs(self, problem: errors.HamnError) -> errors.CommandTimeout:
        return errors.CommandTimeout(
            f"the Db2 instance on {self._parts.node} does not answer, and is killed and started "
            f"again: {problem}"
        )

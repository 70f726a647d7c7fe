"""How a stopped database comes up as a standby, and what shows that it follows its primary.

START HADR AS STANDBY says success before it connects; a database whose log has parted from the
primary's goes inactive some seconds later (ADM12500E in db2diag.log).  So success is only what
db2pd shows afterwards.
"""

from __future__ import annotations

import time

from xcat_hamn import errors
from xcat_hamn.database.db2 import hadr, survey
from xcat_hamn.database.db2.view import OLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.database.db2.survey import Survey
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

_CAUGHT_UP = (hadr.PEER, hadr.REMOTE_CATCHUP)
#: Seconds for which a connection to the primary is waited for: of a standby, of a former primary.
_PATIENCE, _LONG_PATIENCE = 60.0, 180.0
_EVERY = 0.5


class Reintegration:
    """The start of one node's database as a standby."""

    def __init__(
        self, instance: Instance, views: Survey, deadline: Deadline, log: Log, node: str
    ) -> None:
        self._instance = instance
        self._survey = views
        self._deadline = deadline
        self._log = log
        self._node = node

    def must_give_way(self) -> bool:
        """Tell whether this database, whose role is PRIMARY, has a newer primary to follow.

        Raises CommandFailed when the cluster does not answer.
        """
        view = self._survey.view(None, promoted=False)
        return view.peer == "primary" or (view.peer == "claims" and view.rank == OLDER)

    def activate(self) -> None:
        """Activate a standby; one that has a primary but cannot reach it is started all the same.

        Raises NodeError when its log has parted from the primary's, CommandFailed otherwise.
        """
        self._follow(self._instance.activate, _PATIENCE)

    def start_as_standby(self) -> None:
        """Start a former primary, or a restored database, as a standby that catches up.

        Raises as ``activate`` does, and CommandFailed when it does not connect to a primary.
        """
        if not self._follow(self._instance.start_as_standby, _LONG_PATIENCE):
            raise errors.CommandFailed(
                f"the former primary on {self._node} was started as a standby, and does not "
                "connect to the new primary: look at db2diag.log on both nodes (HADR_* parameters "
                "that do not match, network, ports)"
            )

    def _follow(self, begin: Callable[[], None], seconds: float) -> bool:
        """Start by ``begin``; tell whether it follows a primary, or there is none to follow."""
        begin()
        patience = self._deadline.sooner(min(seconds, self._deadline.left() * 0.8))
        while True:
            _, found = self._instance.look()
            peer = self._primary()
            if found is None:
                raise self._inactive(peer)
            if found.attached and found.state in _CAUGHT_UP:
                return True
            if not peer and found.state != hadr.LOCAL_CATCHUP:
                return True
            if patience.left() <= 0:
                self._log.warning(f"not connected to the primary on {peer or 'any node'} yet")
                return False
            time.sleep(_EVERY)

    def _primary(self) -> str:
        """Return the node that has the primary, empty when none shows one."""
        try:
            name, data = self._survey.peer()
        except (errors.CommandFailed, ValueError):
            return ""
        return name if data and data.role == survey.LEADS else ""

    def _inactive(self, peer: str) -> errors.HamnError:
        name = self._instance.database
        if not peer:
            return errors.CommandFailed(
                f"the standby database on {self._node} went inactive after its start: see "
                "db2diag.log of the instance for why"
            )
        return errors.NodeError(
            f"database {name} on {self._node} cannot follow {peer}'s, from whose log its own has "
            f"parted: `xcat-hamn rejoin {self._node}` restores it from a backup of {peer}'s (see "
            "ADM12500E in db2diag.log)"
        )

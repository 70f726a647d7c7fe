"""The host's name moves under an instance that knows itself by it: requirement 8.0, steps 3 to 5.

Deactivate, db2stop, new name, ``db2gcf -u``, activate.  HADR stays configured (the requirement's
STOP HADR would make a standalone database, whose standby has to be copied anew).  It is recorded
in /run before anything is stopped: xcat-db2hadr's monitor then waits, and whoever is killed in the
middle leaves behind what there was.  A reboot forgets the record as it forgets the name.
"""

from __future__ import annotations

import os

from xcat_hamn.database.db2 import hadr, nodes
from xcat_hamn.database.db2.instance import INSTANCE_DOWN
from xcat_hamn.errors import CommandFailed
from xcat_hamn.identity.hostname import DatabaseHooks
from xcat_hamn.ocf.context import RUN_DIRECTORY
from xcat_hamn.system.files import read_pairs, remove, write_pairs
from xcat_hamn.system.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: What is left of the time when the database and the instance have been stopped, at least.
_SHARE = 0.4


def record_of(instance: str, directory: str = RUN_DIRECTORY) -> str:
    """Return where a swap of ``instance`` is recorded, from its begin to its end."""
    return f"{directory}/db2-{instance}/swap"


def under_way(instance: str, directory: str = RUN_DIRECTORY) -> bool:
    """Tell whether a process that lives is swapping the name under ``instance``."""
    record = record_of(instance, directory)
    return os.path.exists(record) and Lock(f"{record}.lock").is_taken()


def interrupted(instance: str, directory: str = RUN_DIRECTORY) -> bool:
    """Tell whether a swap of ``instance`` was broken off."""
    return os.path.exists(record_of(instance, directory)) and not under_way(instance, directory)


def settle(instance: str, deadline: Deadline, directory: str = RUN_DIRECTORY) -> None:
    """Wait for a swap that is under way, and forget one that was broken off.

    For whoever brings the database up or down anyway.
    """
    deadline.holds(lambda: not under_way(instance, directory), every=0.2)
    remove(record_of(instance, directory))


class Swap(DatabaseHooks):
    """The change of the host's name under one instance."""

    def __init__(
        self, instance: Instance, deadline: Deadline, log: Log, directory: str = RUN_DIRECTORY
    ) -> None:
        self._instance = instance
        self._deadline = deadline
        self._log = log
        self._record = record_of(instance.name, directory)
        self._lock = Lock(f"{self._record}.lock")
        self._own = False

    def release(self) -> None:
        """Stop database and instance, if db2nodes.cfg names this host by its name of now.

        Raises CommandFailed, CommandTimeout.
        """
        if not nodes.names_this_host(self._instance.home):
            return
        condition, found = self._instance.look()
        active = condition in (hadr.ACTIVE, hadr.NOT_HADR)
        if condition == INSTANCE_DOWN and not self.interrupted():
            return  # whoever starts it finds the name of then
        self._begin(found, active=active)
        name = self._instance.name
        self._log.info(f"instance {name} is stopped, for the host's name is its own: db2nodes.cfg")
        if active:
            self._instance.deactivate(self._deadline.sooner(self._deadline.left() * _SHARE))
        if condition != INSTANCE_DOWN:
            self._instance.stop_instance()

    def _begin(self, found: hadr.Hadr | None, *, active: bool) -> None:
        if not self._lock.take():
            raise CommandFailed(
                f"another process changes the host's name under instance {self._instance.name}: "
                "wait for it"
            )
        if self.interrupted() and not active:
            return  # what was active before the one that was broken off is what counts
        self._own = True
        what = {
            "active": "yes" if active else "",
            "role": found.role if found is not None else "",
            "attached": "yes" if found is not None and found.attached else "",
        }
        write_pairs(self._record, what)

    def interrupted(self) -> bool:
        """Tell whether a swap was begun, and not ended, by a process before this one."""
        return not self._own and os.path.exists(self._record)

    def rebind(self) -> None:
        """Start the instance under the host's name of now, and the database as it was.

        Raises CommandFailed, CommandTimeout.  It can be tried again.
        """
        before = read_pairs(self._record)
        if before is None:
            return
        if not self._lock.take():
            raise CommandFailed(
                f"another process changes the host's name under instance {self._instance.name}: "
                "wait for it"
            )
        condition, found = self._instance.look()
        if condition == INSTANCE_DOWN:
            self._instance.start_here()
            condition, found = self._instance.look()
        if before.get("active") and condition == hadr.NOT_ACTIVATED:
            self._activate(before)
            condition, found = self._instance.look()
        role = found.role if found is not None else ""
        if before.get("active") and role != before.get("role"):
            raise CommandFailed(
                f"database {self._instance.database} was {before.get('role')} before the host's "
                f"name changed, and is {role or condition} now: see db2diag.log of the instance"
            )
        remove(self._record)
        self._lock.release()

    def _activate(self, before: dict[str, str]) -> None:
        """Activate the database in its role.

        A primary that had no standby a moment ago would wait HADR_TIMEOUT for one, and fail
        (SQL1768N reason 7).  It goes on without: the cluster still has it for the promoted one,
        so nobody took over meanwhile.  That is not known of a swap that was broken off.
        """
        if before.get("role") != hadr.PRIMARY or before.get("attached"):
            self._instance.activate()
        elif self._own:
            self._instance.start_as_primary_alone()
        else:
            raise CommandFailed(
                f"the change of the host's name was broken off while database "
                f"{self._instance.database} was a primary without a standby: it is left inactive, "
                "and the cluster promotes it anew"
            )

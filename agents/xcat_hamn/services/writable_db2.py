"""Proof that a Db2 database takes writes.

Nobody writes to a standby: it refuses connections, or lets in readers only (SQL1776N reasons 1 and
4, SQL1773N).  What role a database has, and whether it is active, db2pd tells without a connection.
It is asked first, because a connection would activate a former primary behind the cluster's back
(HADR wiki, "hadr commands"): only what is the active primary, or in no pair at all, is connected
to.  That is done as the instance's owner, who needs no password for it; xCAT's user is that owner
(its db2sqlsetup).
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, Instance
from xcat_hamn.errors import HamnError
from xcat_hamn.services.writable import READ_ONLY, WRITABLE, Proof
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.services.cfgloc import Location

#: A connection to an active database takes well under a second.
_CONNECT_SECONDS = 30.0


def proof(location: Location, timeout: float, log: Log, *, by_sight: bool) -> Proof:
    """Ask the local instance that cfgloc names; ``by_sight``: do not connect to the database.

    Raises HamnError when it does not answer, or is not active.
    """
    deadline = Deadline(timeout)
    name = location.settings.get("dbname", location.user)
    return judge(Instance(Runner(deadline), deadline, log, location.user, name), by_sight=by_sight)


def judge(instance: Instance, *, by_sight: bool) -> Proof:
    """Return what is known of the database of ``instance``.  Raises HamnError."""
    name = instance.database
    condition, found = instance.look()
    if condition == INSTANCE_DOWN:
        raise HamnError(
            f"the Db2 instance {instance.name} does not run on this node: start its database, or "
            "see why the cluster does not"
        )
    role = found.role if found is not None else hadr.STANDARD
    if condition == hadr.NOT_ACTIVATED:
        role = instance.role()
        if role != hadr.STANDARD:
            raise HamnError(
                f"the Db2 database {name} has the role {role or '(unknown)'} and is not active: "
                "promote it, and let nobody connect to it before"
            )
    if role == hadr.STANDBY:
        return Proof(
            READ_ONLY,
            f"the Db2 database {name} on this node is a standby, so xCAT could not change "
            "anything: promote it, or run xcatd on the primary's node",
        )
    if role not in (hadr.PRIMARY, hadr.STANDARD):
        raise HamnError(
            f"db2pd says that database {name} has the role {role or '(none)'}, which is not known: "
            "look at `db2pd -hadr` as the instance owner"
        )
    if not by_sight:
        instance.db2(f"CONNECT TO {name}", _CONNECT_SECONDS)
    return Proof(WRITABLE)

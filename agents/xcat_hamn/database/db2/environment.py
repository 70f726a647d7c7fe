"""What a node must have before its Db2 database can be run: validate-all at level 10."""

from __future__ import annotations

import os

from xcat_hamn import errors
from xcat_hamn.database.db2 import hadr, pairing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.ocf.log import Log

#: Seconds until a dead primary is noticed, fenced, and its standby told to take over, where nobody
#: is asked first; an operator's decision comes on top.
_NEEDED = 60


def _programs(instance: Instance) -> Iterator[Exception]:
    from xcat_hamn.system.runner import find_executable

    try:
        programs = [instance.program(n) for n in ("db2", "db2pd", "db2start", "db2stop")]
    except errors.MissingTool as problem:
        yield problem
        return
    for program in (*programs, "setpriv", "attrd_updater", "crm_attribute"):
        try:
            find_executable(program)
        except errors.MissingTool as problem:
            yield problem


def _boot(instance: Instance) -> Iterator[Exception]:
    """Complain of an instance that starts at boot, where a client could activate the database."""
    program = instance.program("db2set")
    if not os.access(program, os.X_OK):
        return
    try:
        said = instance.run([program, "DB2AUTOSTART"], 10)
    except errors.HamnError:
        return
    if said.stdout.strip().upper() == "YES":
        yield errors.NodeError(
            f"instance {instance.name} starts at boot, behind the cluster's back, and a client "
            f"could make its database a second primary: run db2iauto -off {instance.name}"
        )


def _database(instance: Instance, log: Log) -> Iterator[Exception]:
    """Check the database's configuration, where the instance runs and so tells it."""
    try:
        here = instance.configuration()
    except errors.HamnError as problem:
        log.warning(f"the configuration of {instance.database} was not checked: {problem}")
        return
    if here.role not in (hadr.PRIMARY, hadr.STANDBY):
        yield errors.NodeError(
            f"database {instance.database} has role {here.role or 'unknown'}, and is no HADR "
            "database: make it one with `xcat-hamn setup database`"
        )
    for warning in pairing.warnings(here, _NEEDED):
        log.warning(warning)


def problems(instance: Instance, log: Log) -> list[Exception]:
    """Return everything that keeps this node from running the database; changes nothing."""
    found = list(_programs(instance))
    if found:
        return found
    return [*_boot(instance), *_database(instance, log)]

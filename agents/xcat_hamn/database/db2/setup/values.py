"""The values that the set-up gives, and where they differ from the requirement's.

A value of a database that is sound is kept: running the set-up again must not undo what an
administrator has chosen since.
"""

from __future__ import annotations

from dataclasses import dataclass

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.configuration import Configuration

#: /etc/services: the names and ports of requirement 5.1.5, for the first and the second node.
SERVICES = (("DB2_HADR_1", 55001), ("DB2_HADR_2", 55002))
#: Seconds.  Requirement 5.1.6 has 3 and 120; below 60 a busy network looks like a dead partner.
TIMEOUT, SHORTEST_TIMEOUT = 120, 60
WINDOW = 120
MODE = "NEARSYNC"

#: What is done otherwise than requirement 5.1 has it, and why.
DIFFERENCES = (
    "HADR_TIMEOUT is 120 s, not 3: below 60 s a busy network looks like a dead partner",
    "HADR_LOCAL_HOST and HADR_REMOTE_HOST are the nodes' own addresses of [cluster] nodes, which "
    "stay where they are: with an address that moves, HADR does not start (SQL1768N reason 4)",
    "UPDATE ALTERNATE SERVER names the port of the clients (SVCENAME): 60000 belongs to the "
    "instance's own communication",
    "LOGARCHMETH1 LOGRETAIN is set where Db2 has no LOGRETAIN any more",
    "clients are cut off by FORCE APPLICATION ALL and DEACTIVATE, not by QUIESCE and UNQUIESCE of "
    "a database that is active",
    "RESTORE does not ask (WITHOUT PROMPTING): you are asked before anything is done",
    "TAKEOVER HADR runs as the instance's owner: a password would be seen by everyone in `ps`",
    "xCAT's commands of the test read the database themselves (XCATBYPASS=1): xcatd stays down",
    "the instance does not start at boot (db2iauto -off): the cluster starts it",
)


@dataclass(frozen=True)
class Options:
    """What the administrator chose.

    ``folder``: of the backups on both nodes, empty for ``backup`` in the owner's home.
    ``primary``: the node that has the database, where the databases do not tell.  ``restore``:
    restore the standby anew, whatever it has.  ``test``: whether requirement 5.1.9 is gone
    through; None: when the set-up has changed something.  ``timeout``, ``window`` in seconds;
    ``mode`` SYNC or NEARSYNC; unset, what is sound is kept.
    """

    folder: str = ""
    primary: str = ""
    restore: bool = False
    test: bool | None = None
    timeout: int | None = None
    window: int | None = None
    mode: str = ""


@dataclass(frozen=True)
class Values:
    """HADR's values that both sides have in common; seconds."""

    timeout: int = TIMEOUT
    window: int = WINDOW
    mode: str = MODE


def choose(primary: Configuration | None, options: Options) -> Values:
    """Return the values for a pair whose primary is configured as ``primary``."""
    timeout, window, mode = None, None, ""
    if primary is not None:
        timeout = primary.number("HADR_TIMEOUT")
        window = primary.number("HADR_PEER_WINDOW")
        mode = primary.text("HADR_SYNCMODE").upper()
    if options.timeout is not None:
        timeout = options.timeout
    elif timeout is None or timeout < SHORTEST_TIMEOUT:
        timeout = TIMEOUT
    if options.window is not None:
        window = options.window
    elif not window or window < WINDOW:
        window = WINDOW
    mode = options.mode or mode
    return Values(timeout, window, mode if mode in hadr.WAITING_MODES else MODE)


def for_recovery(configuration: Configuration | None) -> dict[str, str]:
    """Return the parameters of requirement 5.1.2 that a database lacks.

    One that GET DB CFG does not print (a recording of 11.5 has no TRACKMOD) is set together with
    others, but is no reason by itself: nobody could see that it has been done.
    """
    logs = {"LOGARCHMETH1": "LOGRETAIN"}
    switches = {"TRACKMOD": "ON", "LOGINDEXBUILD": "ON"}
    if configuration is None:
        return {**logs, **switches, "INDEXREC": "RESTART"}
    missing: dict[str, str] = {}
    if not configuration.archives_logs:
        missing = {"LOGRETAIN": "ON"} if "LOGRETAIN" in configuration else logs
    for name in switches:
        if name in configuration and not configuration.is_set(name):
            missing[name] = "ON"
    if "INDEXREC" in configuration and configuration.text("INDEXREC").upper() != "RESTART":
        missing["INDEXREC"] = "RESTART"
    if missing:
        missing.update({n: value for n, value in switches.items() if n not in configuration})
    return missing

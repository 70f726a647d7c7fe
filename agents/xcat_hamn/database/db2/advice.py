"""What Db2's refusals mean, and what to do: one sentence for each code and reason.

Codes and reasons: IBM's documentation of the messages (SQL1767N to SQL1777N).  The words are ours:
Db2's own explain the code, not what an administrator of a management node does next.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.db2.messages import Message

_CONFIGURE = "correct it with `db2 update db cfg`, then activate the database again"
_LICENSE = "no valid license for this feature: install it with `db2licm -a`"

#: (code, reason) -> what, and what to do.  Reason "" is for any other.
ADVICE: dict[tuple[str, str], str] = {
    ("SQL1013N", ""): "this instance has no such database: look at `db2 list db directory`",
    ("SQL1015N", ""): "the database was not shut down cleanly: restart it with `db2 restart db`",
    ("SQL1025N", ""): "databases are active still: deactivate them before the instance is stopped",
    ("SQL1031N", ""): "no database directory is there: look at the instance's home directory",
    ("SQL1032N", ""): "the instance does not run: start it with db2start as its owner",
    ("SQL1035N", ""): "others are connected to the database: stop xcatd and every other client, "
    "run `db2 force applications all`, deactivate the database, and try again",
    ("SQL1042C", ""): "the database manager hit a system error: look at db2diag.log",
    ("SQL1092N", ""): "this user may not do it: run it as the owner of the instance",
    ("SQL1116N", ""): "logs are archived since the last change, so Db2 wants a backup first: take "
    "an offline backup",
    ("SQL1117N", ""): "the database waits for logs, as one that was just restored does: start it "
    "with START HADR AS STANDBY; do not end its rollforward, or it must be restored again",
    ("SQL1224N", ""): "the database manager has ended or refuses requests: look at db2diag.log, "
    "then start the instance",
    ("SQL1493N", ""): "this session is connected to the database: run `db2 terminate` first",
    ("SQL1767N", "1"): "only a restored database that waits for logs can begin as a standby: "
    "restore it from a backup of the primary",
    ("SQL1767N", "2"): "this database is a standby and does not start as a primary: take over "
    "instead",
    ("SQL1767N", "3"): "an active database does not begin as a standby: deactivate it first",
    ("SQL1767N", "9"): "the database is being upgraded: let that end first",
    ("SQL1767N", "98"): _LICENSE,
    ("SQL1767N", "99"): "HADR knows databases of one partition only: use such a one",
    ("SQL1768N", "1"): "the logs are circular: set LOGARCHMETH1, and take an offline backup",
    ("SQL1768N", "2"): "LOGSECOND is -1: set a limit",
    ("SQL1768N", "4"): f"HADR_LOCAL_HOST is no address of this host: {_CONFIGURE}",
    ("SQL1768N", "5"): f"HADR_LOCAL_SVC is not in /etc/services: {_CONFIGURE}",
    ("SQL1768N", "6"): f"HADR_REMOTE_SVC is not in /etc/services: {_CONFIGURE}",
    ("SQL1768N", "7"): "no standby connected within HADR_TIMEOUT: start the standby first, and see "
    "that HADR_TIMEOUT, HADR_PEER_WINDOW, hosts and ports fit on both nodes",
    ("SQL1768N", "8"): f"an HADR parameter is not set: {_CONFIGURE}",
    ("SQL1768N", "10"): "another command stopped the start: try again",
    ("SQL1768N", "11"): f"one address is IPv4 and the other IPv6: {_CONFIGURE}",
    ("SQL1768N", "12"): f"HADR_REMOTE_HOST cannot be resolved: {_CONFIGURE}",
    ("SQL1768N", "14"): f"HADR_REMOTE_HOST is not in HADR_TARGET_LIST: {_CONFIGURE}",
    ("SQL1768N", "15"): f"a host in HADR_TARGET_LIST cannot be resolved: {_CONFIGURE}",
    ("SQL1768N", "16"): f"HADR_TARGET_LIST cannot be read: {_CONFIGURE}",
    ("SQL1768N", "17"): f"HADR_REPLAY_DELAY needs the mode SUPERASYNC: {_CONFIGURE}",
    ("SQL1768N", "18"): f"HADR_REPLAY_DELAY is set on a primary: {_CONFIGURE}",
    ("SQL1768N", "19"): "another primary answered: this database was succeeded, start it with "
    "START HADR AS STANDBY",
    ("SQL1768N", "21"): f"HADR_LOCAL_SVC is the port of the clients: {_CONFIGURE}",
    ("SQL1768N", "22"): "HADR_LOCAL_SVC is a port of the instance's own communication (the "
    f"DB2_INSTANCE entries of /etc/services): {_CONFIGURE}",
    ("SQL1768N", "28"): "TLS between the nodes failed: look at HADR_SSL_LABEL and the certificates",
    ("SQL1768N", "29"): f"the cluster needs the mode SYNC or NEARSYNC: {_CONFIGURE}",
    ("SQL1768N", "97"): "a check at the start failed: look at db2diag.log",
    ("SQL1768N", "98"): _LICENSE,
    ("SQL1769N", "1"): "the database is no HADR database: there is nothing to stop",
    ("SQL1769N", "2"): "an active standby does not leave HADR: deactivate it first",
    ("SQL1769N", "98"): _LICENSE,
    ("SQL1770N", "1"): "the pair is not in PEER: wait until the standby has caught up",
    ("SQL1770N", "2"): "the standby still replays its own logs: wait until it asks the primary",
    ("SQL1770N", "3"): "the standby has not replayed the backup that it was made from: wait",
    ("SQL1770N", "4"): "only a standby takes over: this database is none",
    ("SQL1770N", "5"): "the standby is not active: activate it first",
    ("SQL1770N", "6"): "the old primary failed to become a standby: look at the roles of both "
    "nodes with `db2 get db cfg` before anything else",
    ("SQL1770N", "7"): "the primary did not answer: it is dead, hangs, or the network does; only a "
    "takeover by force goes on, once its node is fenced",
    ("SQL1770N", "8"): "another command works on the database: try again",
    ("SQL1770N", "9"): "the peer window is not open any more: see what would be lost with "
    "`xcat-hamn takeover`",
    ("SQL1770N", "10"): "IBM's own cluster manager refused: remove its configuration with `db2cm`, "
    "this cluster is managed by xcat-hamn",
    ("SQL1770N", "11"): f"HADR_REPLAY_DELAY is set on this standby: {_CONFIGURE}",
    ("SQL1770N", "15"): "the database is being upgraded: let that end first",
    ("SQL1770N", "98"): _LICENSE,
    ("SQL1771N", ""): "a database with circular logs cannot be in HADR: set LOGARCHMETH1",
    (
        "SQL1774N",
        "",
    ): "a database in HADR is not restored in parts: restore all of it, after STOP HADR",
    ("SQL1776N", "1"): "a standby takes no clients: connect to the primary",
    ("SQL1776N", "2"): "the roles are changing sides: try again",
    ("SQL1776N", "3"): "the database is being upgraded: let that end first",
    ("SQL1776N", "4"): "the standby replays changes of tables and takes no clients now: try again",
    ("SQL1776N", "5"): "the standby has not replayed enough to take clients: try again",
    ("SQL1776N", "6"): "the other database took over by force: start this one with START HADR AS "
    "STANDBY",
    ("SQL1776N", "7"): "the standby restarts its replay: try again",
    ("SQL1777N", ""): "HADR is started already: there is nothing to do",
    (
        "SQL2036N",
        "",
    ): "the folder of the backup is not there, or not this user's: create it for the "
    "owner of the instance, or name another",
    ("SQL2059W", ""): "the disk of the backup is full: make room, or name another folder",
    ("SQL2061N", ""): "the file or folder of the backup may not be read or written: give it to the "
    "owner of the instance",
    ("SQL2413N", ""): "it cannot be backed up while it is in use, because its logs are circular or "
    "a backup is pending: deactivate it and take an offline backup",
    ("SQL2419N", ""): "the disk of the backup is full: make room, or name another folder",
    (
        "SQL2519N",
        "",
    ): "the backup is of an older release and could not be upgraded: install the same "
    "release on both nodes",
    (
        "SQL2522N",
        "",
    ): "more than one backup in the folder has this timestamp: remove those that are " "not whole",
    ("SQL2530N", ""): "the backup is damaged: remove it, and take and copy a new one",
    ("SQL2542N", ""): "the folder has no backup of this database with this timestamp: copy it anew",
    ("SQL2570N", ""): "the backup is of another operating system or machine type: both nodes must "
    "have the same",
    ("SQL6031N", "10"): "db2nodes.cfg names another host: `db2gcf -u -p 0 -i INSTANCE` writes it "
    "anew",
    ("SQL6031N", "11"): "/etc/services has no DB2_INSTANCE port for this instance: add it",
    ("SQL6031N", ""): "db2nodes.cfg cannot be used: look at it in the instance's sqllib directory",
    ("SQL6036N", ""): "the instance is being started or stopped: try again",
    ("SQL6048N", ""): "db2start did not reach the host in db2nodes.cfg: look at the host's name",
    ("SQL8000N", ""): _LICENSE,
    ("SQL30081N", ""): "the server cannot be reached over the network: look at host and port",
    ("SQL30082N", ""): "the user or the password was refused: look at /etc/xcat/cfgloc",
}

#: What may be gone at the next try.
_TRANSIENT = frozenset(
    {
        ("SQL1768N", "10"),
        ("SQL1770N", "8"),
        ("SQL1776N", "2"),
        ("SQL1776N", "4"),
        ("SQL1776N", "5"),
        ("SQL1776N", "7"),
        ("SQL6036N", ""),
    }
)
#: What an old primary hears when its standby has taken over.
_SUCCEEDED = frozenset({("SQL1776N", "6"), ("SQL1768N", "19")})


def advice(message: Message) -> str:
    """Return one sentence: what ``message`` means, what to do, and its code.

    Db2's own words for a message that is not known here.
    """
    known = ADVICE.get((message.code, message.reason)) or ADVICE.get((message.code, ""))
    if known is None:
        return f"{str(message).rstrip('.')}: look it up with `db2 '? {message.code}'`"
    reason = f" reason {message.reason}" if message.reason else ""
    return f"{known} ({message.code}{reason})"


def is_transient(message: Message) -> bool:
    """Tell whether the same command may work a moment later."""
    return _key(message) in _TRANSIENT


def is_succeeded(message: Message) -> bool:
    """Tell whether it says that the other database has become the primary meanwhile."""
    return _key(message) in _SUCCEEDED


def _key(message: Message) -> tuple[str, str]:
    exact = (message.code, message.reason)
    return exact if exact in _TRANSIENT or exact in _SUCCEEDED else (message.code, "")

"""Whether the HADR parameters of two databases make a pair, and one that survives a dead primary.

What Db2 itself refuses when the two connect: ADM12513E, SQL1768N reasons 1, 7 and 8.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.window import CLOCK_MARGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.database.db2.configuration import Configuration

_REQUIRED = (
    "HADR_LOCAL_HOST",
    "HADR_LOCAL_SVC",
    "HADR_REMOTE_HOST",
    "HADR_REMOTE_SVC",
    "HADR_REMOTE_INST",
)
#: Parameters that must be equal; the last two need not be with a target list, where the principal
#: standby uses the primary's.
_ALWAYS_EQUAL = ("HADR_TIMEOUT",)
_EQUAL = ("HADR_PEER_WINDOW", "HADR_SYNCMODE")
#: Below this a busy network alone breaks the connection (HADR wiki), in seconds.
_SHORTEST_TIMEOUT = 60
#: The longest interval between heartbeats, in seconds; each one moves the window's end.
_LONGEST_HEARTBEAT = 30


def _equal(one: str, other: str) -> bool:
    return one == other


def mismatches(
    mine: Configuration,
    theirs: Configuration,
    names: tuple[str, str],
    same_host: Callable[[str, str], bool] = _equal,
    same_service: Callable[[str, str], bool] = _equal,
) -> list[str]:
    """Return one sentence for everything that keeps the two from being a pair.

    ``names``: the nodes of ``mine`` and ``theirs``.  ``same_host`` and ``same_service`` tell
    whether two spellings (a name and an address, a service and its port) mean the same.
    """
    found = [*_alone(mine, names[0]), *_alone(theirs, names[1])]
    listed = bool(mine.targets and theirs.targets)
    for name in _ALWAYS_EQUAL if listed else _ALWAYS_EQUAL + _EQUAL:
        ours, other = mine.text(name), theirs.text(name)
        if ours != other:
            found.append(
                f"{name} is {ours or 'not set'} on {names[0]} and {other or 'not set'} on "
                f"{names[1]}: set the same value on both, or they do not connect"
            )
    for one, two, ours, others in (
        (mine, theirs, names[0], names[1]),
        (theirs, mine, names[1], names[0]),
    ):
        found += _crossed(one, two, (ours, others), "HOST", same_host)
        found += _crossed(one, two, (ours, others), "SVC", same_service)
    if mine.role == theirs.role and mine.role in (hadr.PRIMARY, hadr.STANDBY):
        found.append(
            f"the databases on {names[0]} and {names[1]} both have the role {mine.role}: look at "
            "which one is right before anything is started"
        )
    return found


def _alone(configuration: Configuration, node: str) -> list[str]:
    found = [
        f"{name} is not set on {node}: set it with `db2 update db cfg` (SQL1768N reason 8)"
        for name in _REQUIRED
        if not configuration.text(name)
    ]
    if "LOGARCHMETH1" in configuration and not configuration.archives_logs:
        found.append(
            f"the logs are circular on {node}: set LOGARCHMETH1, then take an offline backup "
            "(SQL1768N reason 1)"
        )
    return found


def _crossed(
    one: Configuration,
    other: Configuration,
    names: tuple[str, str],
    kind: str,
    same: Callable[[str, str], bool],
) -> list[str]:
    remote, local = one.text(f"HADR_REMOTE_{kind}"), other.text(f"HADR_LOCAL_{kind}")
    if not remote or not local or same(remote, local):
        return []
    return [
        f"HADR_REMOTE_{kind} is {remote} on {names[0]}, but HADR_LOCAL_{kind} is {local} on "
        f"{names[1]}: make them the same, or the two do not connect"
    ]


def warnings(
    configuration: Configuration, needed: int, heartbeat: int = _LONGEST_HEARTBEAT
) -> list[str]:
    """Return one sentence for each setting with which a dead primary costs more than it must.

    ``needed``: seconds from the primary's death until the standby is told to take over: noticing,
    fencing (with the operator's decision, where one is asked) and the start of promote.
    ``heartbeat``: seconds between two heartbeats, as db2pd shows it.
    """
    found = []
    window = configuration.number("HADR_PEER_WINDOW") or 0
    mode = configuration.text("HADR_SYNCMODE").upper()
    enough = needed + heartbeat + CLOCK_MARGIN
    if mode not in hadr.WAITING_MODES:
        found.append(
            f"HADR_SYNCMODE is {mode or 'not set'}, so there is no peer window and a dead primary "
            "can be taken over only with consent to a loss: set SYNC or NEARSYNC"
        )
    elif not window:
        found.append(
            "HADR_PEER_WINDOW is 0, so a dead primary can be taken over only with consent to a "
            f"loss: set {max(enough, 120)} or more"
        )
    elif window < enough:
        found.append(
            f"HADR_PEER_WINDOW is {window} s, but up to {enough} s pass until a dead primary is "
            f"proven dead ({needed} s to notice and fence it, {heartbeat} s of heartbeat, "
            f"{CLOCK_MARGIN} s for the clocks): set {enough} or more"
        )
    timeout = configuration.number("HADR_TIMEOUT") or 0
    if timeout < _SHORTEST_TIMEOUT:
        found.append(
            f"HADR_TIMEOUT is {timeout} s, so a busy network looks like a dead partner: set "
            f"{_SHORTEST_TIMEOUT} or more"
        )
    if "LOGINDEXBUILD" in configuration and not configuration.is_set("LOGINDEXBUILD"):
        found.append(
            "LOGINDEXBUILD is OFF, so indexes are built anew after a takeover: set it to ON"
        )
    if configuration.number("HADR_REPLAY_DELAY"):
        found.append("HADR_REPLAY_DELAY is set, and Db2 refuses a takeover with it: set it to 0")
    return found

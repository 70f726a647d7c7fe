"""The rows of Db2's decision table, but for those about a lost primary, which follow them."""

from __future__ import annotations

from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2 import view as v

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Scores of nodes that may be promoted; the primary's is the largest so that nothing bounces back.
PRIMARY_SCORE = "1000"
LEADING_SCORE = "950"
STANDBY_SCORE = "900"

# How to become the primary.
NOTHING = "nothing to do"
PLAIN = "takeover"
FORCE_IN_WINDOW = "takeover by force peer window only"
FORCE = "takeover by force"
START = "start as primary"  # Db2 waits for the standby, and does not start without it
START_ALONE = "start as primary by force"
REFUSE = "refuse"


class Row:
    """One case: its name, when it holds, and what follows.

    ``limit`` names the other node as {peer}, this one as {node}, and may quote {divergence},
    {role}, {state} and the window's {end}.  ``forced``: nobody hands the role over, so an unseen
    other node must be proven down before this one is promoted.
    """

    __slots__ = ("forced", "how", "limit", "name", "score", "when", "why", "word")

    def __init__(
        self,
        name: str,
        when: Callable[[v.View], bool],
        word: str,
        how: str,
        why: str,
        limit: str = "",
        *,
        forced: bool = False,
    ) -> None:
        self.forced = forced
        self.how = how
        self.limit = limit
        self.name = name
        self.score = _SCORES.get(how, STANDBY_SCORE)
        self.when = when
        self.why = why
        self.word = word


_SCORES = {
    NOTHING: PRIMARY_SCORE,
    START: LEADING_SCORE,
    START_ALONE: LEADING_SCORE,
    REFUSE: GATED,
}

ROLES = (
    Row(
        "unknown role",
        lambda s: s.role not in (hadr.PRIMARY, hadr.STANDBY, hadr.STANDARD),
        "failed",
        REFUSE,
        "What Db2 says of its role is not understood.",
        "not promotable: unknown role {role}: look at `db2pd -hadr` on {node}, and report it",
    ),
    Row(
        "no HADR",
        lambda s: s.role == hadr.STANDARD,
        "failed",
        REFUSE,
        "The database is neither a primary nor a standby.",
        "the database on {node} is no HADR database: make it one with `xcat-hamn setup database`",
    ),
    Row(
        "two primaries",
        lambda s: (
            s.role == hadr.PRIMARY
            and s.active
            and not (s.attached or s.promoted)
            and s.peer == v.PEER_PRIMARY
        ),
        "failed",
        REFUSE,
        "Both databases are active primaries, and the cluster has promoted the other one.",
        "the database on {peer} is the primary, and the one here believes to be it too: deactivate "
        "this one, and let it start again as the standby",
    ),
    Row(
        "already the primary",
        lambda s: s.role == hadr.PRIMARY and s.active,
        "primary",
        NOTHING,
        "The database is the active primary, with or without its standby.",
    ),
    Row(
        "succeeded",
        lambda s: s.role == hadr.PRIMARY and s.peer == v.PEER_PRIMARY,
        "stopped",
        REFUSE,
        "A former primary; the other one has taken over.",
        "the database on {peer} has taken over: let this one start as its standby",
    ),
    Row(
        "older claim",
        lambda s: s.role == hadr.PRIMARY
        and s.peer == v.PEER_CLAIMS
        and s.rank == v.OLDER
        and not s.accepted,
        "stopped",
        REFUSE,
        "Both databases have the role PRIMARY on disk, and the other one took it later.",
        "the database on {peer} took over after this one was the primary: let {peer} have the "
        "role, then this one follows it",
    ),
    Row(
        "two claims",
        lambda s: (
            s.role == hadr.PRIMARY
            and s.peer == v.PEER_CLAIMS
            and s.rank != v.NEWER
            and not s.accepted
        ),
        "stopped",
        REFUSE,
        "Both databases have the role PRIMARY on disk, and nobody knows which took it later.",
        "the databases here and on {peer} were both the primary: decide which one is right, and "
        "order it with `xcat-hamn takeover`",
    ),
    Row(
        "last primary",
        lambda s: (
            s.role == hadr.PRIMARY and not s.accepted and s.peer in (v.PEER_STANDBY, v.PEER_CLAIMS)
        ),
        "stopped",
        START,
        "This database was the last primary, and its standby is there.",
    ),
    Row(
        "ordered alone",
        lambda s: s.role == hadr.PRIMARY and s.accepted,
        "stopped",
        START_ALONE,
        "The operator said `xcat-hamn takeover`, and accepted the loss of what is not here.",
        forced=True,
    ),
    Row(
        "last primary alone",
        lambda s: s.role == hadr.PRIMARY,
        "stopped",
        REFUSE,
        "A stopped primary does not start without its standby, which may have taken over since.",
        "the database on {peer} cannot be seen from here and may have taken over: start the "
        "cluster on {peer}, or see what would be lost with `xcat-hamn takeover {node}`",
    ),
)

NEVER = (
    Row(
        "diverged",
        lambda s: bool(s.divergence),
        "diverged",
        REFUSE,
        "Its log has parted from the primary's, so it cannot follow.",
        "{divergence}: `xcat-hamn rejoin {node}` restores it from a backup of {peer}'s database",
    ),
    Row(
        "not activated",
        lambda s: not s.active,
        "stopped",
        REFUSE,
        "The database is not active; Db2 refuses a takeover (SQL1770N reason 5).",
        "the standby database on {node} is not active: look at db2diag.log there, then "
        "`pcs resource cleanup xcat-db`",
    ),
    Row(
        "unknown state",
        lambda s: not s.understood,
        "failed",
        REFUSE,
        "Db2 says a state or connection that no documentation has for a standby.",
        "not promotable: unknown state {state}: look at `db2pd -hadr` on {node}, and report it",
    ),
    Row(
        "local catchup",
        lambda s: s.state == hadr.LOCAL_CATCHUP,
        "disconnected",
        REFUSE,
        "Db2 refuses every takeover from LOCAL_CATCHUP (SQL1770N reason 2).",
        "still replaying the logs that are on {node} (LOCAL_CATCHUP): wait until it connects to "
        "the primary on {peer}",
    ),
    Row(
        "replay delayed",
        lambda s: s.delayed,
        "disconnected",
        REFUSE,
        "Db2 refuses a takeover while HADR_REPLAY_DELAY is set (SQL1770N reason 11).",
        "HADR_REPLAY_DELAY is set on {node}: set it to 0 and activate the database again, so that "
        "it replays what {peer} sends",
    ),
)

PLANNED = (
    Row(
        "peer",
        lambda s: s.state == hadr.PEER and s.attached and s.seen,
        "standby",
        PLAIN,
        "The pair is in PEER: the roles change sides without loss, and never two primaries.",
    ),
    Row(
        "super-asynchronous",
        lambda s: (
            s.state == hadr.REMOTE_CATCHUP and s.attached and s.syncmode == "SUPERASYNC" and s.seen
        ),
        "standby",
        PLAIN,
        "In this mode there is no PEER; the takeover ships the rest first, which may take long.",
    ),
    Row(
        "catching up",
        lambda s: s.attached and s.seen and s.state != hadr.DISCONNECTED_PEER,
        "catching-up",
        REFUSE,
        "Connected, but not in PEER yet; Db2 refuses a takeover (SQL1770N reason 1).",
        "still catching up with the primary on {peer}: wait until xcat-db is standby",
    ),
    Row(
        "handed over",
        lambda s: s.handed_over and s.peer != v.PEER_PRIMARY,
        "standby",
        FORCE,
        "The old primary was deactivated cleanly out of PEER, so everything that it wrote is here; "
        "there is nobody left for a plain takeover to talk to.",
    ),
)

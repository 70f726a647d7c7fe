"""May this node's database become the primary?  One pure function, one sentence per row.

The sentence goes to the exit reason, to the attribute ``xcat-db-limit`` and to the log.  Rows are
tried from the top; the first whose condition holds decides.  The promotion score is the gate: a
standby that may not be promoted advertises -INFINITY, which makes ``pcs resource move`` refuse in
its own simulation with the active node untouched (tried on Pacemaker 2.1.5 and 3.0.0).
"""

from __future__ import annotations

from xcat_hamn.cluster.attributes import GATED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Scores of nodes that may be promoted; the primary's is the largest so that nothing bounces back.
PRIMARY_SCORE = "1000"
LEADING_SCORE = "950"
STANDBY_SCORE = "900"

# What this node durably knows of its own past as a primary.
CLAIM_ALONE = "alone"  # was the primary, and nobody else can hold its last commits
CLAIM_LEADING = "leading"  # was the primary, and another node may hold all of its commits
CLAIM_FOLLOWING = "following"  # was a standby, or handed its role over
CLAIM_FRESH = "fresh"  # ran as a primary before this cluster managed it
CLAIMS = (CLAIM_ALONE, CLAIM_LEADING, CLAIM_FOLLOWING, CLAIM_FRESH)
#: Claims that hold without looking at the other node, until it was shown how far the data goes.
EXCLUSIVE = (CLAIM_ALONE, CLAIM_FRESH)

# What a primary that was demoted left for this node.
HANDOVER_NONE = "none"
HANDOVER_PENDING = "pending"  # it is shutting down; its last position is not known yet
HANDOVER_REACHED = "reached"  # everything it wrote is here
HANDOVER_SHORT = "short"  # it wrote more than has arrived here

# How this node's data compares with the other node's.
NEWER, SAME, OLDER, UNKNOWN = "newer", "same", "older", "unknown"

# The other node's database, as its attribute says.
PEER_PRIMARY = "primary"
PEER_STANDBY = "standby"  # runs, but not as a primary
PEER_UNKNOWN = "unknown"  # not running, or its node has left
PEER_NONE = "none"  # this cluster has only one database node


class View:
    """All that the decision looks at, about a database that runs as a standby here.

    ``asynchronous``: the primary does not wait for this node by configuration.
    ``foreign``: the other node's database is not a copy of this one (its system identifier
    differs).  ``timeline`` compares the timelines alone, ``rank`` the positions on them.
    ``kept``: the primary promised to commit nothing without this node until it is proven down or
    gives that up (see ``promise``).  ``down``: the cluster has proof that the other node is down;
    ``back``: it is a member, and shows no database.  ``accepted``: the operator ordered a takeover
    with the data that is here, with `xcat-hamn takeover`.  ``divergence``: the sentence
    that says how this node's log has parted from the primary's, empty when it has not.
    """

    __slots__ = (
        "accepted",
        "asynchronous",
        "attached",
        "back",
        "claim",
        "confirmed",
        "divergence",
        "down",
        "foreign",
        "handover",
        "kept",
        "node",
        "peer",
        "peer_name",
        "rank",
        "timeline",
    )

    def __init__(  # noqa: PLR0913 - an observation is flat
        self,
        *,
        accepted: bool = False,
        attached: bool = False,
        back: bool = False,
        asynchronous: bool = False,
        confirmed: bool = False,
        divergence: str = "",
        down: bool = False,
        foreign: bool = False,
        handover: str = HANDOVER_NONE,
        kept: bool = False,
        node: str = "NODE",
        peer: str = PEER_UNKNOWN,
        peer_name: str = "the other node",
        rank: str = UNKNOWN,
        timeline: str = UNKNOWN,
        claim: str = CLAIM_FOLLOWING,
    ) -> None:
        self.accepted = accepted
        self.attached = attached
        self.back = back
        self.asynchronous = asynchronous
        self.confirmed = confirmed
        self.divergence = divergence
        self.down = down
        self.foreign = foreign
        self.handover = handover
        self.kept = kept
        self.node = node
        self.peer = peer
        self.peer_name = peer_name
        self.rank = rank
        self.timeline = timeline
        self.claim = claim

    @property
    def not_older(self) -> bool:
        """Tell whether this node's data is known to be no older than the other's."""
        return self.rank in (SAME, NEWER) or self.timeline == NEWER


class Verdict:
    """The word that crm_mon shows, the promotion score, and why it is gated (empty: it is not)."""

    __slots__ = ("limit", "row", "score", "word")

    def __init__(self, row: str, word: str, score: str, limit: str) -> None:
        self.row = row
        self.word = word
        self.score = score
        self.limit = limit

    @property
    def promotable(self) -> bool:
        """Tell whether this node may be promoted."""
        return self.score != GATED


class Row:
    """One case: its name, when it holds, and what follows.

    ``limit`` names the other node as {peer}, this one as {node}, and may quote {divergence}.
    ``forced``: nobody hands the role over, so an unseen other node must be proven down before this
    one is promoted.
    """

    __slots__ = ("forced", "limit", "name", "score", "when", "why", "word")

    def __init__(
        self,
        name: str,
        when: Callable[[View], bool],
        word: str,
        score: str,
        why: str,
        limit: str,
        forced: bool = False,
    ) -> None:
        self.forced = forced
        self.name = name
        self.when = when
        self.word = word
        self.score = score
        self.why = why
        self.limit = limit


#: A row's name that ``promote`` knows.
BROKEN_OFF = "handover broken off"

TABLE = (
    Row(
        "foreign database",
        lambda v: v.foreign,
        "disconnected",
        GATED,
        "The two nodes hold two different databases; one of them is not xCAT's.",
        "this data directory is not a copy of the database on {peer}: move the wrong one of the "
        "two aside and start it again, so that it is copied anew",
    ),
    Row(
        "ordered",
        lambda v: v.accepted and v.peer != PEER_PRIMARY,
        "disconnected",
        STANDBY_SCORE,
        "The operator said `xcat-hamn takeover`, and accepted the loss of what is not here.",
        "",
        forced=True,
    ),
    Row(
        BROKEN_OFF,
        lambda v: (
            v.handover == HANDOVER_PENDING
            and v.kept
            and v.peer != PEER_PRIMARY
            and OLDER not in (v.rank, v.timeline)
        ),
        "standby",
        STANDBY_SCORE,
        "The old primary was being demoted for this node, and did not come to tell how far it "
        "went; it had promised to commit nothing without this node, so nothing is missing.",
        "",
        forced=True,
    ),
    Row(
        "handover incomplete",
        lambda v: v.handover in (HANDOVER_SHORT, HANDOVER_PENDING) and v.peer != PEER_PRIMARY,
        "disconnected",
        GATED,
        "The old primary wrote more than arrived here; promoting would lose it.",
        "the last commits of {peer} have not arrived here: start the database on {peer}, so that "
        "this node can fetch them",
    ),
    Row(
        "older data",
        lambda v: v.peer == PEER_STANDBY and OLDER in (v.rank, v.timeline),
        "disconnected",
        GATED,
        "The other node's database is newer.",
        "the database on {peer} has newer data: let {peer} have the role, then this one follows it",
    ),
    Row(
        "handover complete",
        lambda v: v.handover == HANDOVER_REACHED and v.peer != PEER_PRIMARY,
        "standby",
        STANDBY_SCORE,
        "The old primary was shut down cleanly and everything that it wrote is here.",
        "",
    ),
    Row(
        "handover under way",
        lambda v: (
            v.handover == HANDOVER_PENDING
            and (v.confirmed or v.asynchronous)
            and v.peer == PEER_PRIMARY
        ),
        "standby",
        STANDBY_SCORE,
        "The primary is shutting down in a planned move; promote waits for its last position.",
        "",
    ),
    Row(
        "confirmed standby",
        lambda v: v.attached and v.confirmed and v.peer == PEER_PRIMARY,
        "standby",
        STANDBY_SCORE,
        "The primary waits for this node at every commit, so nothing is missing here.",
        "",
    ),
    Row(
        "asynchronous standby",
        lambda v: v.attached and v.asynchronous and v.peer == PEER_PRIMARY,
        "standby",
        STANDBY_SCORE,
        "The primary does not wait for this node, as configured; a planned move hands over all "
        "that it wrote before this one is promoted.",
        "",
    ),
    Row(
        "catching up",
        lambda v: v.peer == PEER_PRIMARY and v.attached,
        "catching-up",
        GATED,
        "Attached, but the primary does not wait for this node yet.",
        "still catching up with the primary on {peer}: wait until xcat-db is standby",
    ),
    Row(
        "diverged",
        lambda v: v.peer == PEER_PRIMARY and bool(v.divergence),
        "diverged",
        GATED,
        "This node has log records that the primary's history does not have, so it cannot follow.",
        "{divergence}; `xcat-hamn rejoin {node}` sets that aside and follows {peer}",
    ),
    Row(
        "not attached",
        lambda v: v.peer == PEER_PRIMARY,
        "disconnected",
        GATED,
        "There is a primary, and this node does not receive its commits.",
        "not attached to the primary on {peer}: look at PostgreSQL's log on this node (network, "
        "pg_hba.conf, password file)",
    ),
    Row(
        "single node",
        lambda v: v.peer == PEER_NONE,
        "disconnected",
        LEADING_SCORE,
        "No other node has this database.",
        "",
    ),
    Row(
        "last primary",
        lambda v: (
            v.peer == PEER_STANDBY
            and (
                (v.claim in (CLAIM_ALONE, CLAIM_LEADING) and v.timeline in (SAME, NEWER))
                or (v.claim == CLAIM_FRESH and v.not_older)
            )
        ),
        "disconnected",
        LEADING_SCORE,
        "This node was the last primary and the other one did not become it since.",
        "",
    ),
    Row(
        "newest data",
        lambda v: v.peer == PEER_STANDBY and v.not_older,
        "disconnected",
        STANDBY_SCORE,
        "Both databases are known, and the other one is not newer.",
        "",
    ),
    Row(
        "other database down",
        lambda v: v.kept and v.peer == PEER_STANDBY,
        "disconnected",
        GATED,
        "The other node lives without a primary; every commit of it is here, but no failover "
        "without the operator's command, and it may well come up again.",
        "the database on {peer} is no primary now, and nothing that it committed is missing here: "
        "let it start there, or take over with `xcat-hamn takeover {node}`",
    ),
    Row(
        "other node not yet compared",
        lambda v: v.peer == PEER_STANDBY,
        "disconnected",
        GATED,
        "The other database runs, but its position is not known yet.",
        "not attached to the database on {peer}, whose position is not known yet: wait for the "
        "next monitors of both",
    ),
    Row(
        "primary proven down",
        lambda v: v.kept and v.down,
        "disconnected",
        STANDBY_SCORE,
        "The primary had promised to commit nothing without this node, and is proven down.",
        "",
        forced=True,
    ),
    Row(
        "primary back",
        lambda v: v.kept and v.back,
        "disconnected",
        GATED,
        "Its node is a member again, or still, and its database is what should come up there.",
        "{peer} is there without a running database, and nothing that it committed is missing "
        "here: let it start there, or give the role away with `pcs cluster stop {peer}`",
    ),
    Row(
        "primary lost, nothing missing",
        lambda v: v.kept,
        "disconnected",
        STANDBY_SCORE,
        "The primary is gone, and had promised to commit nothing without this node; its node must "
        "be fenced before, and the gate asks the operator for that.",
        "the primary on {peer} was lost, and nothing that it committed is missing here: bring "
        "{peer} back, or take over with `pcs resource move` to {node}",
        forced=True,
    ),
    Row(
        "primary lost",
        lambda v: v.confirmed or v.asynchronous or v.attached,
        "disconnected",
        GATED,
        "The primary is gone without a handover, and may have committed without this node since.",
        "the primary on {peer} was lost and may have committed what is not here: bring {peer} "
        "back, or see what would be lost with `xcat-hamn takeover {node}`",
    ),
    Row(
        "nobody can be newer",
        lambda v: v.claim in EXCLUSIVE,
        "disconnected",
        LEADING_SCORE,
        "This node was the primary and no other one can hold its last commits, so its own data is "
        "the newest.",
        "",
    ),
    Row(
        "other node unseen",
        lambda _: True,
        "disconnected",
        GATED,
        "The other node may have been the primary since.",
        "the database on {peer} cannot be seen from here and may be newer: start the cluster on "
        "{peer}, or see what would be lost with `xcat-hamn takeover {node}`",
    ),
)


def row_of(view: View) -> Row:
    """Return the row that decides on ``view``; total, since the last one always holds."""
    return next(row for row in TABLE if row.when(view))


def judge(view: View) -> Verdict:
    """Return what follows from ``view``."""
    row = row_of(view)
    limit = row.limit.format(peer=view.peer_name, node=view.node, divergence=view.divergence)
    return Verdict(row.name, row.word, row.score, limit)


#: Verdicts of ``judge_promotion`` that no row gives.
OTHER_PRIMARY, NOT_PROVEN_DOWN = "other primary", "not proven down"


def judge_promotion(view: View) -> Verdict:
    """Return whether this node may become the primary at this moment.

    Beyond the score's question (may it, once the other one is no primary any more?) nobody else
    may be the primary now, and by force only when that is proven.
    """
    if view.peer == PEER_PRIMARY:
        limit = (
            f"the database on {view.peer_name} is the primary still: move the role with "
            "`pcs resource move`, which demotes that one first"
        )
        return Verdict(OTHER_PRIMARY, "standby", GATED, limit)
    if row_of(view).forced and view.peer == PEER_UNKNOWN and not view.down:
        limit = (
            f"{view.peer_name} was lost and is not proven to be down: the cluster must have fenced "
            f"it (stonith-enabled must be true), or `pcs stonith confirm {view.peer_name}` once "
            "you have seen it off"
        )
        return Verdict(NOT_PROVEN_DOWN, "disconnected", GATED, limit)
    return judge(view)


def compare(mine: int, other: int) -> str:
    """Return how number ``mine`` ranks against ``other``."""
    if mine == other:
        return SAME
    return NEWER if mine > other else OLDER

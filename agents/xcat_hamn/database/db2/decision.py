"""May this node's Db2 database become the primary, and by which command?  One sentence per row.

Rows are tried from the top; the first whose condition holds decides.  The same table serves the
promotion score (``judge``: could it, once the other one is gone?) and the promotion itself
(``judge_promotion``: may it now?).  The commands and what Db2 refuses: HADR wiki, "hadr takeover";
messages SQL1770N and SQL1768N.

A plain takeover never makes two primaries and never loses a commit, so nothing needs to be proven
for it.  BY FORCE makes a second primary of whatever lives on the other side: it takes proof that
nothing does.
"""

from __future__ import annotations

import time

from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.lost import LOST
from xcat_hamn.database.db2.rows import NEVER, PLANNED, REFUSE, ROLES, Row
from xcat_hamn.database.db2.view import PEER_UNKNOWN, View

TABLE = (*ROLES, *NEVER, *PLANNED, *LOST)

#: Verdict of ``judge_promotion`` that no row gives.
NOT_PROVEN_DOWN = "not proven down"


class Verdict:
    """What follows: crm_mon's word, the score, the command, and why it is gated.

    ``how`` is one of the commands in ``rows``; REFUSE exactly when the score is the gate.
    ``limit`` is empty when nothing must happen before.
    """

    __slots__ = ("how", "limit", "row", "score", "word")

    def __init__(self, row: str, word: str, score: str, how: str, limit: str) -> None:
        self.how = how
        self.limit = limit
        self.row = row
        self.score = score
        self.word = word

    @property
    def promotable(self) -> bool:
        """Tell whether this node may be promoted."""
        return self.score != GATED


def row_of(view: View) -> Row:
    """Return the row that decides on ``view``; total, since the last one always holds."""
    return next(row for row in TABLE if row.when(view))


def judge(view: View) -> Verdict:
    """Return what follows from ``view`` for the score of this node."""
    row = row_of(view)
    return Verdict(row.name, row.word, row.score, row.how, _sentence(row.limit, view))


def judge_promotion(view: View) -> Verdict:
    """Return whether this node may become the primary at this moment, and how.

    Beyond the score's question, the other node must be proven down before anything is forced.
    """
    row = row_of(view)
    if row.forced and view.peer == PEER_UNKNOWN and not view.down:
        limit = (
            f"{view.peer_name} was lost and is not proven to be down: the cluster must have fenced "
            f"it (stonith-enabled must be true), or `pcs stonith confirm {view.peer_name}` once "
            "you have seen it off"
        )
        return Verdict(NOT_PROVEN_DOWN, "disconnected", GATED, REFUSE, limit)
    return judge(view)


def _sentence(limit: str, view: View) -> str:
    return limit.format(
        peer=view.peer_name,
        node=view.node,
        divergence=view.divergence,
        role=printable(view.role),
        state=_state(view),
        end=moment(view.window_end),
    )


def _state(view: View) -> str:
    """Return what is odd about the state: the state itself, else the connection."""
    if view.state and (not view.known or view.state == hadr.DISCONNECTED):
        return printable(view.state)
    if view.state:
        return f"{view.state} with connection {printable(view.connect)}"
    return printable(view.state)


def printable(word: str) -> str:
    """Return a word from outside as an attribute's value and a log line can bear it."""
    kept = "".join(
        c if c.isascii() and c.isprintable() and c not in "\"'`{}" else "?" for c in word
    )
    return kept[:40] or "(none printed)"


def moment(epoch: int | None) -> str:
    """Return a time for a person, in UTC since nodes differ in their zones."""
    if epoch is None:
        return "an unknown time"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(epoch))
    except (OverflowError, ValueError, OSError):
        return f"second {epoch}"

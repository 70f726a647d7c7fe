"""What the decision looks at, about the Db2 database on this node."""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.window import CLOCK_MARGIN

# How the other node's data compares with this one's, or its last takeover with this node's.
NEWER, SAME, OLDER, UNKNOWN = "newer", "same", "older", "unknown"

# The other node's database, as it shows itself.
PEER_PRIMARY = "primary"
PEER_STANDBY = "standby"  # its role is STANDBY, and it follows nobody here
PEER_CLAIMS = "claims"  # its role is PRIMARY too, but it is not active
PEER_UNKNOWN = "unknown"  # shows no database, or its node has left
PEER_NONE = "none"  # this cluster has only one database node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Seconds that a power device takes to switch a node off once the operator has asked for it.
FENCING = 15

#: States from which the standby can say until when nothing is missing.
_SINCE_PEER = (hadr.PEER, hadr.DISCONNECTED_PEER, hadr.REMOTE_CATCHUP_PENDING)


class View:
    """All that the decision looks at.

    ``role``, ``state``, ``known``, ``connect``, ``syncmode``: as Db2 says (see ``hadr.Hadr``).
    ``active``: the database is activated.  ``promoted``: the cluster has promoted it here.
    ``delayed``: it replays its log later, by configuration.  ``divergence``: the sentence that says
    how its log has parted from the primary's.

    ``window_end``: until when the lost primary can have committed nothing without this node
    (see ``window``).  ``now``: this node's clock.  ``down``: the cluster has proof that the other
    node is down; ``fenced_at``: when that proof was there, at the latest.  ``back``: the other node
    is a member, and shows no database.  ``handed_over``: the old primary was stopped cleanly out of
    PEER, and has written nothing since.  ``accepted``: the operator ordered a takeover with the
    data that is here.  Times are in seconds since the epoch, None when not known.
    """

    __slots__ = (
        "accepted",
        "active",
        "back",
        "connect",
        "delayed",
        "divergence",
        "down",
        "fenced_at",
        "handed_over",
        "known",
        "node",
        "now",
        "peer",
        "peer_name",
        "promoted",
        "rank",
        "role",
        "state",
        "syncmode",
        "window_end",
    )

    def __init__(  # noqa: PLR0913 - an observation is flat
        self,
        *,
        accepted: bool = False,
        active: bool = True,
        back: bool = False,
        connect: str = "",
        delayed: bool = False,
        divergence: str = "",
        down: bool = False,
        fenced_at: int | None = None,
        handed_over: bool = False,
        known: bool = True,
        node: str = "NODE",
        now: int | None = None,
        peer: str = PEER_UNKNOWN,
        peer_name: str = "the other node",
        promoted: bool = False,
        rank: str = UNKNOWN,
        role: str = hadr.STANDBY,
        state: str = "",
        syncmode: str = "",
        window_end: int | None = None,
    ) -> None:
        self.accepted = accepted
        self.active = active
        self.back = back
        self.connect = connect
        self.delayed = delayed
        self.divergence = divergence
        self.down = down
        self.fenced_at = fenced_at
        self.handed_over = handed_over
        self.known = known
        self.node = node
        self.now = now
        self.peer = peer
        self.peer_name = peer_name
        self.promoted = promoted
        self.rank = rank
        self.role = role
        self.state = state
        self.syncmode = syncmode
        self.window_end = window_end

    @property
    def attached(self) -> bool:
        """Tell whether Db2 holds the pair for connected; a dead partner looks so for a while."""
        return self.connect in (hadr.CONNECTED, hadr.CONGESTED)

    @property
    def seen(self) -> bool:
        """Tell whether the other side shows itself, or is none of this cluster's."""
        return self.peer != PEER_UNKNOWN

    @property
    def understood(self) -> bool:
        """Tell whether a standby can be in this state, and with this connection."""
        of_a_standby = self.state in hadr.STATES and self.state != hadr.DISCONNECTED
        return self.known and of_a_standby and self.connect in hadr.CONNECTIONS

    @property
    def windowed(self) -> bool:
        """Tell whether the end of a peer window is known, and says something of this standby."""
        return (
            self.window_end is not None
            and self.syncmode in hadr.WAITING_MODES
            and self.state in _SINCE_PEER
            and not (self.state == hadr.REMOTE_CATCHUP_PENDING and self.attached)
        )

    @property
    def in_window(self) -> bool:
        """Tell whether the window is open still, with the margin for clocks that differ."""
        return self.windowed and self._before_end(self.now)

    @property
    def in_time(self) -> bool:
        """Tell whether the window is open long enough for the other node to be fenced in it."""
        return self.windowed and self.now is not None and self._before_end(self.now + FENCING)

    @property
    def in_peer_window(self) -> bool:
        """Tell whether Db2 would say so too, and accept PEER WINDOW ONLY."""
        return self.in_window and self.state in (hadr.PEER, hadr.DISCONNECTED_PEER)

    @property
    def died_in_window(self) -> bool:
        """Tell whether the other node is proven to have been dead before the window ended."""
        return self.down and self.windowed and self._before_end(self.fenced_at)

    def _before_end(self, moment: int | None) -> bool:
        if moment is None or self.window_end is None:
            return False
        return moment <= self.window_end - CLOCK_MARGIN


def view_of(found: hadr.Hadr, **known: Any) -> View:
    """Return the view of a database that shows ``found``, with what else is ``known``."""
    return View(
        role=found.role,
        state=found.state,
        known=found.known,
        connect=found.connect,
        syncmode=found.syncmode,
        delayed=bool(found.replay_delay),
        **known,
    )

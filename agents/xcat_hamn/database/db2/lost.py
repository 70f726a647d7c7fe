"""The rows of Db2's decision table about a standby whose primary is not connected."""

from __future__ import annotations

from xcat_hamn.database.db2 import view as v
from xcat_hamn.database.db2.rows import FORCE, FORCE_IN_WINDOW, REFUSE, Row

LOST = (
    Row(
        "dead, inside the window",
        lambda s: s.peer == v.PEER_UNKNOWN and s.down and s.in_peer_window,
        "disconnected",
        FORCE_IN_WINDOW,
        "The primary is proven down and its peer window is open: it has written nothing that is "
        "not here. A plain takeover would hang on a silent death until HADR_TIMEOUT.",
        forced=True,
    ),
    Row(
        "died inside the window",
        lambda s: s.peer == v.PEER_UNKNOWN and s.died_in_window,
        "disconnected",
        FORCE,
        "The primary was proven down before its peer window ended, so it has written nothing that "
        "is not here, although Db2 allows PEER WINDOW ONLY no longer.",
        forced=True,
    ),
    Row(
        "ordered",
        lambda s: s.accepted and s.peer != v.PEER_PRIMARY,
        "disconnected",
        FORCE,
        "The operator said `xcat-hamn takeover`, and accepted the loss of what is not here.",
        forced=True,
    ),
    Row(
        "not attached",
        lambda s: s.peer == v.PEER_PRIMARY,
        "disconnected",
        REFUSE,
        "There is a primary, and this standby is not connected to it.",
        "not connected to the primary on {peer}: look at db2diag.log on both nodes (HADR_* "
        "parameters that do not match, network, ports)",
    ),
    Row(
        "other was the primary",
        lambda s: s.peer == v.PEER_CLAIMS,
        "disconnected",
        REFUSE,
        "The other database has the role PRIMARY on disk, and its node is there.",
        "the database on {peer} was the primary and is not active: let it start there, or see what "
        "would be lost with `xcat-hamn takeover {node}`",
    ),
    Row(
        "older standby",
        lambda s: s.peer == v.PEER_STANDBY and s.rank == v.OLDER,
        "disconnected",
        REFUSE,
        "A takeover that failed left two standbys, and the other one has replayed more.",
        "there is no primary, and the standby on {peer} has replayed more than this one: let "
        "{peer} have the role, then this one follows it",
    ),
    Row(
        "furthest standby",
        lambda s: s.peer == v.PEER_STANDBY and s.rank in (v.SAME, v.NEWER),
        "disconnected",
        FORCE,
        "A takeover that failed left two standbys with the same log, and nobody has replayed more.",
    ),
    Row(
        "other standby not yet compared",
        lambda s: s.peer == v.PEER_STANDBY,
        "disconnected",
        REFUSE,
        "Two standbys and no primary; how far the other one has replayed is not known yet.",
        "not connected to the database on {peer}, whose log position is not known yet: wait for "
        "the next monitors of both",
    ),
    Row(
        "primary back",
        lambda s: s.peer == v.PEER_UNKNOWN and s.back,
        "disconnected",
        REFUSE,
        "Its node is a member again, or still, and its database is what should come up there.",
        "{peer} is there without a running database: let it start there, or see what would be lost "
        "with `xcat-hamn takeover {node}`",
    ),
    Row(
        "primary lost, nothing missing yet",
        lambda s: s.peer == v.PEER_UNKNOWN and not s.down and s.in_time,
        "disconnected",
        FORCE_IN_WINDOW,
        "The primary is gone and its peer window is open, for longer than it takes to switch its "
        "node off; that must come before the window ends, and the gate asks the operator for it.",
        "the primary on {peer} was lost, and nothing that it committed is missing here until "
        "{end}: take over with `pcs resource move` to {node} before, or bring {peer} back",
        forced=True,
    ),
    Row(
        "primary lost after the window",
        lambda s: s.peer == v.PEER_UNKNOWN and s.windowed,
        "disconnected",
        REFUSE,
        "Nothing proves that the primary was dead when its peer window ended; it may have "
        "committed alone since.",
        "the primary on {peer} was lost and may have committed what is not here after {end}, when "
        "its peer window ended: bring {peer} back, or see what would be lost with `xcat-hamn "
        "takeover {node}`",
    ),
    Row(
        "primary lost without a window",
        lambda s: s.peer == v.PEER_UNKNOWN,
        "disconnected",
        REFUSE,
        "The primary is gone, and no peer window says how far this standby is complete "
        "(HADR_PEER_WINDOW is 0, the mode is ASYNC or SUPERASYNC, or the pair was not in PEER).",
        "the primary on {peer} was lost and may have committed what is not here: bring {peer} "
        "back, or see what would be lost with `xcat-hamn takeover {node}`",
    ),
    Row(
        "no other node",
        lambda _: True,
        "disconnected",
        REFUSE,
        "A standby, and no other node of this cluster has its primary.",
        "no node of this cluster has the primary of this standby: see what would be lost with "
        "`xcat-hamn takeover {node}`",
    ),
)

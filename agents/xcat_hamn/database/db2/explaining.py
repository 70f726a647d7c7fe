"""What the agent makes of a saved ``db2pd -hadr``, for support cases and bug reports.

A file says nothing of the cluster around it.  So the best is assumed of what it leaves open: that
the partner lives as long as Db2 holds it for connected, and that a peer window is open.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import decision, hadr, rows
from xcat_hamn.database.db2.view import FENCING, PEER_PRIMARY, PEER_UNKNOWN, View, view_of
from xcat_hamn.database.db2.window import CLOCK_MARGIN, remember

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Explanation:
    """What a saved output says, and whether that database could be promoted.

    ``reason`` is one sentence.  ``standbys``: one entry per standby and log stream.
    """

    __slots__ = ("connect_status", "promotable", "reason", "role", "standbys", "state")

    def __init__(
        self,
        found: Sequence[hadr.Hadr],
        *,
        promotable: bool = False,
        reason: str,
        role: str = "",
    ) -> None:
        one = hadr.standing(found) if found else hadr.Hadr(role=role)
        self.role = one.role
        self.state = one.state
        self.connect_status = one.connect
        self.standbys = list(found)
        self.promotable = promotable
        self.reason = reason

    def as_json(self) -> dict[str, Any]:
        """Return it with the keys that scripts rely on."""
        return {
            "role": self.role,
            "state": self.state,
            "connect_status": self.connect_status,
            "standbys": [_standby(one) for one in self.standbys],
            "promotable": self.promotable,
            "reason": self.reason,
        }


def explain(text: str) -> Explanation:
    """Return what the agent makes of ``text``; raises CommandFailed when db2pd never printed it."""
    try:
        condition, found = hadr.read_db2pd(text)
    except (hadr.InstanceDown, hadr.Busy) as error:
        return Explanation([], reason=f"not promotable: {error}")
    if condition == hadr.NOT_ACTIVATED:
        reason = (
            "not promotable: the database is not activated there, or has another name: `db2 get db "
            "cfg for NAME` tells its role while it is stopped"
        )
        return Explanation([], reason=reason)
    if condition == hadr.NOT_HADR:
        limit = decision.judge(View(role=hadr.STANDARD, node="that node")).limit
        return Explanation([], reason=f"not promotable: {limit}", role=hadr.STANDARD)
    promotable, reason = _judge(hadr.standing(found))
    return Explanation(found, promotable=promotable, reason=reason)


def _judge(one: hadr.Hadr) -> tuple[bool, str]:
    window = remember(None, one) if not one.attached else None
    view = view_of(
        one,
        node=_name(one.local_host) or "this node",
        now=window.end - CLOCK_MARGIN - FENCING if window else None,
        peer=PEER_PRIMARY if one.attached and one.role == hadr.STANDBY else PEER_UNKNOWN,
        peer_name=_name(one.partner_host) or "the other node",
        window_end=window.end if window else None,
    )
    score, promotion = decision.judge(view), decision.judge_promotion(view)
    if promotion.how == rows.NOTHING:
        return True, f"already the primary: nothing to do, {_standby_of(one)}"
    if promotion.promotable:
        why = decision.row_of(view).why
        return True, f"promotable by a plain takeover while {view.peer_name} lives: {why}"
    if score.promotable:
        return False, f"not promotable before {view.peer_name} is proven down: {score.limit}"
    return False, _prefixed(score.limit)


def _name(host: str) -> str:
    return decision.printable(host) if host else ""


def _prefixed(limit: str) -> str:
    return limit if limit.startswith("not promotable") else f"not promotable: {limit}"


def _standby_of(one: hadr.Hadr) -> str:
    host = _name(one.partner_host)
    name = f"the standby on {host}" if host else "its standby"
    if one.attached:
        return f"{name} is connected ({decision.printable(one.state)})"
    if one.state == hadr.DISCONNECTED_PEER:
        end = decision.moment(one.peer_window_end)
        return f"{name} is not connected, and commits wait until {end}"
    return f"{name} is not connected"


def _standby(one: hadr.Hadr) -> dict[str, Any]:
    return {
        "standby_id": one.standby_id,
        "log_stream": one.log_stream,
        "host": one.standby_host,
        "state": one.state,
        "known": one.known,
        "connect_status": one.connect,
        "connect_status_time": one.connected_at,
        "syncmode": one.syncmode,
        "flags": list(one.flags),
        "log_gap": one.log_gap,
        "peer_window": one.peer_window,
        "peer_window_end": one.peer_window_end,
        "primary_log": _position(one.primary_log),
        "standby_log": _position(one.standby_log),
        "replay_log": _position(one.replay_log),
    }


def _position(position: tuple[str, int, int] | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {"file": position[0], "page": position[1], "position": position[2]}

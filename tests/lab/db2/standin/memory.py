"""What the daemon shows of a database to db2pd, which reads it without asking the daemon."""

from __future__ import annotations

from typing import Any

from .database import Database
from .log import place
from .pair import Pair


def describe(database: Database) -> dict[str, Any]:
    """Return what is to be known of an active database."""
    content: dict[str, Any] = {
        "started": database.started,
        "role": database.control.role,
        "hadr": None,
    }
    if database.pair is not None:
        content["hadr"] = _hadr(database, database.pair)
    return content


def _position(position: int | None) -> list[Any]:
    if position is None:
        return ["S0000000.LOG", 0, 0]
    return [*place(position), position]


def _hadr(database: Database, pair: Pair) -> dict[str, Any]:
    config, primary = pair.config, pair.role == "PRIMARY"
    own = database.log.end
    partner = pair.partner.get("end") if pair.partner else None
    replayed = pair.partner.get("replayed") if primary else database.applied
    interval = config.seconds("HADR_TIMEOUT") / 4
    if config.seconds("HADR_PEER_WINDOW") and pair.waits_for_partner:
        interval = min(interval, config.seconds("HADR_PEER_WINDOW") / 4)
    time, other = database.last_time(), pair.partner.get("time") if pair.partner else None
    gone = primary and pair.state == "DISCONNECTED"
    standby_end = None if gone else (partner if primary else own)
    return {
        "role": pair.role,
        "mode": pair.mode,
        "state": pair.state,
        "connected": pair.connected,
        "congested": pair.connected and pair.congested,
        "connect_time": pair.connect_time,
        "interval": max(int(min(interval, 30)), 1),
        "expected": pair.heartbeats if pair.connected else 0,
        "timeout": config.seconds("HADR_TIMEOUT"),
        "last_received": pair.last_received if pair.connected else None,
        "wait_since": pair.wait_since,
        "waited": round(pair.waited, 3),
        "waits": pair.waits,
        "window": config.seconds("HADR_PEER_WINDOW") if pair.waits_for_partner else 0,
        "window_end": pair.window_end,
        "local_host": config["HADR_LOCAL_HOST"],
        "local_service": config["HADR_LOCAL_SVC"],
        "remote_host": config["HADR_REMOTE_HOST"],
        "remote_service": config["HADR_REMOTE_SVC"],
        "remote_instance": config["HADR_REMOTE_INST"],
        "primary_log": _position(own if primary else partner),
        "standby_log": _position(standby_end),
        "replay_log": _position(None if gone else replayed),
        "primary_time": time if primary else other,
        "standby_time": None if gone else time,
        "gap": max(own - standby_end, 0) if primary and standby_end else 0,
        "replay_gap": max((standby_end or 0) - (replayed or 0), 0) if standby_end else 0,
        "last_takeover": database.control.last_takeover,
    }

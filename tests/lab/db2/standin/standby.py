"""What a standby does: connect, receive, replay, take over."""

from __future__ import annotations

import threading
import time

from . import primary, wire
from .log import Record
from .messages import Refused
from .pair import CATCHUP, LOCAL, PEER, RETRY, Pair
from .primary import HANDSHAKE_SECONDS
from .wire import Message


def connect_again_and_again(pair: Pair) -> None:
    """Look for the primary every two seconds, for as long as this side is a standby."""
    while not pair.closed:
        ready = pair.state != LOCAL and not pair.cut and pair.taking is None
        if pair.role == "STANDBY" and not pair.connected and ready:
            _connect(pair)
        time.sleep(max(RETRY * pair.scale, 0.02))


def _connect(pair: Pair) -> None:
    channel = wire.dial(
        str(pair.remote_host), int(pair.remote_port or 0), str(pair.host), pair.timeout
    )
    if channel is None:
        return
    with pair.condition:
        # What the primary never confirmed is received again: it may have become something else.
        pair.confirmed = min(pair.confirmed, pair.database.log.end)
        hello = pair.introduction("hello")
    channel.send(**hello)
    answer = channel.receive(HANDSHAKE_SECONDS)
    with pair.condition:
        if answer is None or pair.closed or pair.role != "STANDBY" or pair.taking is not None:
            channel.close()
            return
        if answer["kind"] != "welcome":
            channel.close()
            _rejected(pair, str(answer.get("problem", "")))
            return
        pair.database.log.cut(pair.confirmed)
        pair.database.control.change(chains=answer["chains"])
        pair.window_end = None
        pair.connected_by(channel, answer)
        pair.set_state(CATCHUP)
        pair.send(kind="acknowledge", **pair.positions())


def _rejected(pair: Pair, problem: str) -> None:
    pair.home.diagnose(f"{problem}: this standby is rejected by the primary")
    if problem.startswith("ADM12500E"):
        # documented: START HADR has said success before; then the database goes down by itself
        threading.Thread(target=pair.database.shut_down, daemon=True).start()
        pair.closed = True


def handle(pair: Pair, message: Message) -> None:
    """Do what the primary says.  The caller holds the condition."""
    kind = message["kind"]
    if "primary_end" in message:
        pair.partner.update(end=message["primary_end"], time=message["time"])
    if kind == "records":
        _receive(pair, message)
    elif kind == "confirm":
        _confirm(pair, message["confirmed"])
    elif kind == "heartbeat":
        if message["window_end"] is not None and pair.state == PEER:
            pair.window_end = message["window_end"]
        _confirm(pair, min(message["confirmed"], pair.database.log.end))
        pair.send(kind="acknowledge", **pair.positions())
    elif kind == "peer":
        pair.window_end = message["window_end"]
        pair.confirmed = pair.database.log.end
        _confirm(pair, pair.confirmed)
        pair.set_state(PEER)
    elif kind == "switch":
        _become_primary(pair, message["end"])
    elif kind == "refused":
        pair.taking = message["reason"]
    elif kind == "bye":
        pair.lost(pair.channel, clean=True, why="the primary was deactivated")
    pair.publish()


def _receive(pair: Pair, message: Message) -> None:
    records = [Record(*values) for values in message["records"]]
    log = pair.database.log
    records = [record for record in records if record.start >= log.end]
    durable = pair.mode == "SYNC"
    try:
        log.append(records, durable=durable)
    except ValueError as error:
        pair.lost(pair.channel, clean=False, why=str(error))
        return
    pair.send(kind="acknowledge", end=log.end, replayed=pair.database.applied)
    if not durable:
        log.sync()
    _confirm(pair, message["confirmed"])


def _confirm(pair: Pair, position: int) -> None:
    """Replay what the primary has written to its own log as well."""
    position = max(position, pair.confirmed)
    pair.confirmed = position
    if position > pair.database.applied:
        pair.database.apply(position)


def _become_primary(pair: Pair, end: int) -> None:
    log, control = pair.database.log, pair.database.control
    if pair.taking != 0 or log.end != end:
        pair.taking = 7
        return
    pair.home.fault("switch")
    pair.database.apply(end)
    control.change(role="PRIMARY", last_takeover=pair.home.now())
    pair.confirmed = pair.acknowledged = end
    pair.window_end = pair.home.now() + pair.window if pair.window else None
    pair.set_state(PEER if pair.mode != "SUPERASYNC" else CATCHUP)
    pair.send(
        kind="peer", window_end=pair.window_end, primary_end=end, time=pair.database.last_time()
    )
    pair.taking = -1


def take_over(pair: Pair) -> None:
    """TAKEOVER HADR: the roles change, nothing is lost.  Raises Refused."""
    with pair.condition:
        allowed = (PEER, CATCHUP) if pair.mode == "SUPERASYNC" else (PEER,)
        if pair.state not in allowed:
            raise Refused("SQL1770N", reason=1)
        if pair.taking is not None:
            raise Refused("SQL1770N", reason=8)
        pair.taking = 0
        try:
            pair.send(kind="takeover")
            # A partner that died silently is noticed when HADR_TIMEOUT has passed.
            while pair.taking == 0 and not pair.closed:
                pair.condition.wait(0.1)
            reason = pair.taking
        finally:
            pair.taking = None
    if reason != -1:
        raise Refused("SQL1770N", reason=reason or 8)


def take_over_by_force(pair: Pair, *, window_only: bool, release: str) -> None:
    """TAKEOVER HADR BY FORCE [PEER WINDOW ONLY]: a new chain begins.  Raises Refused."""
    with pair.condition:
        early = (LOCAL, CATCHUP) if release == "9.7" else (LOCAL,)
        if pair.state in early:
            raise Refused("SQL1770N", reason=2)
        if window_only and not pair.inside_window():
            raise Refused("SQL1770N", reason=9)
        pair.taking = -1
        try:
            pair.send(kind="stop logging")
            channel, pair.channel = pair.channel, None
            if channel is not None:
                channel.close()
                pair.connect_time = pair.home.now()
            pair.database.apply(pair.database.log.end)
            pair.database.fork()
            pair.database.control.change(role="PRIMARY", last_takeover=pair.home.now())
            pair.confirmed = pair.acknowledged = pair.database.log.end
            primary.alone(pair)
        finally:
            pair.taking = None

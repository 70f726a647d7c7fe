"""What a primary does: serve its port, ship records, keep its promise, give its role away."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from . import wire
from .log import Record, is_beginning
from .messages import Refused
from .pair import CATCHUP, DISCONNECTED, DISCONNECTED_PEER, PEER, PENDING, Pair
from .wire import Channel, Message

HANDSHAKE_SECONDS = 3.0


def listen(pair: Pair) -> None:
    """Serve the HADR port for as long as this side is primary."""
    server: socket.socket | None = None
    while not pair.closed:
        if pair.role != "PRIMARY":
            server = _shut(server)
            time.sleep(0.02)
            continue
        if server is None:
            try:
                server = wire.listen(str(pair.host), int(pair.port or 0))
            except OSError as error:
                pair.home.diagnose(f"HADR cannot listen on {pair.host}:{pair.port}: {error}")
                time.sleep(0.2)
                continue
        if pair.cut:
            time.sleep(0.02)
            continue
        try:
            connection, _ = server.accept()
        except OSError:
            continue
        connection.settimeout(None)
        channel = Channel(connection, pair.timeout)
        threading.Thread(target=_greet, args=(pair, channel), daemon=True).start()
    _shut(server)


def _shut(server: socket.socket | None) -> None:
    if server is not None:
        server.close()


def _greet(pair: Pair, channel: Channel) -> None:
    hello = channel.receive(HANDSHAKE_SECONDS)
    with pair.condition:
        if hello is None or pair.closed or pair.role != "PRIMARY" or pair.logging_stopped:
            channel.close()
            return
        if hello["kind"] == "probe":
            channel.send(**pair.introduction("primary"))
            channel.close()
            return
        problem = objection(pair, hello)
        if problem is not None:
            pair.home.diagnose(f"{problem}: the standby at {hello['host']} is rejected")
            channel.send(kind="reject", problem=problem)
            channel.close()
            return
        channel.send(**pair.introduction("welcome"))
    # Only its answer proves that the standby has given its window up: a connection that waited
    # while this host was frozen must not end the promise.
    answer = channel.receive(HANDSHAKE_SECONDS)
    with pair.condition:
        if answer is None or pair.closed or pair.role != "PRIMARY" or pair.logging_stopped:
            channel.close()
            return
        pair.lost(pair.channel, clean=False, why="the standby has connected again")
        pair.acknowledged = int(hello["end"])
        pair.connected_by(channel, hello)
        pair.set_state(CATCHUP)
        handle(pair, answer)


def objection(pair: Pair, hello: Message) -> str | None:
    """Return why a standby cannot be ours, as the administration log puts it; None when it can."""
    config = pair.config
    expected = (
        ("instance", config["HADR_REMOTE_INST"], "ADM12504E"),
        ("database", pair.database.name, "ADM12505E"),
        ("host", pair.remote_host, "ADM12513E reason code 1"),
        ("port", pair.remote_port, "ADM12513E reason code 2"),
        ("timeout", config["HADR_TIMEOUT"], "ADM12513E reason code 7"),
        ("mode", pair.mode, "ADM12513E reason code 8"),
        ("window", config["HADR_PEER_WINDOW"], "ADM12513E reason code 10"),
    )
    for key, value, problem in expected:
        if hello[key] != value:
            return problem
    control, log = pair.database.control, pair.database.log
    if hello["origin"] != control.origin:
        return "ADM12506E"
    if not is_beginning(hello["chains"], hello["end"], control.chains):
        return "ADM12500E"
    if hello["end"] < log.base or log.digest_at(hello["end"]) != hello["digest"]:
        return "ADM12500E"
    return None


def handle(pair: Pair, message: Message) -> None:
    """Do what a standby says.  The caller holds the condition."""
    kind = message["kind"]
    if kind == "acknowledge":
        pair.partner.update(end=message["end"], replayed=message["replayed"])
        pair.acknowledged = max(pair.acknowledged, message["end"])
        if pair.state == CATCHUP:
            _catch_up(pair)
        pair.publish()
    elif kind == "takeover":
        threading.Thread(target=_give_role, args=(pair,), daemon=True).start()
    elif kind == "stop logging":
        pair.logging_stopped = True
        pair.home.diagnose("the standby takes over by force: no more log is written here")
        pair.lost(pair.channel, clean=True, why="takeover by force")
    elif kind == "bye":
        pair.lost(pair.channel, clean=True, why="the standby was deactivated")


def _catch_up(pair: Pair) -> None:
    log = pair.database.log
    if pair.home.has_fault("catchup") and not pair.switching:
        return
    if pair.acknowledged >= log.end:
        if pair.mode != "SUPERASYNC":
            pair.window_end = pair.home.now() + pair.window if pair.window else None
            pair.set_state(PEER)
            pair.send(kind="peer", window_end=pair.window_end, **_promise(pair))
        return
    batch = log.since(pair.acknowledged)
    pair.send(kind="records", records=batch, confirmed=batch[-1].end, **_promise(pair))


def _promise(pair: Pair) -> dict[str, Any]:
    return {"primary_end": pair.database.log.end, "time": pair.database.last_time()}


def heartbeat(pair: Pair) -> None:
    """Send a heartbeat; in PEER it renews the promise.  The caller holds the condition."""
    if pair.state == PEER and pair.window:
        pair.window_end = pair.home.now() + pair.window
    pair.send(
        kind="heartbeat",
        window_end=pair.window_end if pair.state == PEER else None,
        confirmed=pair.database.log.end,
        **_promise(pair),
    )
    if pair.state == CATCHUP:
        _catch_up(pair)
    pair.publish()


def write(pair: Pair, statements: list[Any]) -> Record:
    """Write a transaction to both logs; blocks while the promise of the peer window holds.

    In SYNC and NEARSYNC the partner has it first: so this log is never ahead of a standby that
    could take over.  Raises Refused when it ends here: forced off, deactivated, role given away.
    """
    log = pair.database.log
    with pair.condition:
        record = log.next(int(pair.home.now()), statements)
        try:
            while not _may_write(pair, record):
                if pair.wait_since is None:
                    pair.wait_since, pair.waits = time.time(), pair.waits + 1
                    pair.publish()
                pair.condition.wait()
        finally:
            if pair.wait_since is not None:
                pair.waited += time.time() - pair.wait_since
                pair.wait_since = None
        log.append([record])
        pair.confirmed = record.end
        if pair.connected and pair.waits_for_partner and pair.state == PEER:
            pair.send(kind="confirm", confirmed=record.end, **_promise(pair))
        elif pair.connected and pair.acknowledged == record.start:
            pair.send(kind="records", records=[record], confirmed=record.end, **_promise(pair))
            if pair.mode == "ASYNC":
                pair.acknowledged = record.end
        pair.publish()
    return record


def _may_write(pair: Pair, record: Record) -> bool:
    if pair.closed or pair.switching or pair.logging_stopped or pair.role != "PRIMARY":
        raise Refused("SQL1224N")
    if pair.state == DISCONNECTED_PEER:
        return False
    if pair.state != PEER or not pair.waits_for_partner or pair.acknowledged >= record.end:
        return True
    if pair.partner.get("shipped") != (id(pair.channel), record.digest):
        pair.partner["shipped"] = (id(pair.channel), record.digest)
        pair.send(kind="records", records=[record], confirmed=record.start, **_promise(pair))
    return False


def _give_role(pair: Pair) -> None:
    """Let the standby take over: the role here changes first, so there are never two primaries."""
    with pair.condition:
        if pair.state != PEER and pair.mode != "SUPERASYNC":
            pair.send(kind="refused", reason=1)
            return
    pair.database.force_applications()
    with pair.database.write_lock, pair.condition:
        pair.switching = True
        channel = pair.channel
        end = pair.database.log.end
        while channel is not None and pair.channel is channel and pair.acknowledged < end:
            _catch_up(pair)
            pair.condition.wait(0.05)
        pair.switching = False
        if channel is None or pair.channel is not channel:
            return
        pair.database.control.change(role="STANDBY")
        pair.confirmed = end
        pair.window_end = None
        pair.set_state(PENDING)
        pair.send(kind="switch", end=end)


def probe(pair: Pair) -> Message | None:
    """Ask whether the partner is a primary already; return its introduction then."""
    if pair.cut:
        return None
    channel = wire.dial(
        str(pair.remote_host), int(pair.remote_port or 0), str(pair.host), pair.timeout
    )
    if channel is None:
        return None
    channel.send(**pair.introduction("probe"))
    answer = channel.receive(HANDSHAKE_SECONDS)
    channel.close()
    return answer if answer and answer["kind"] == "primary" else None


def alone(pair: Pair) -> None:
    """Be a primary without a connection, as after a takeover by force."""
    pair.window_end = None
    pair.set_state(DISCONNECTED)

"""HADR of one active database: its state, its connection, its timers.

The primary listens on its HADR port and the standby connects to it.  What each role does with
messages is in primary.py and standby.py; this is what both have.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

from . import configuration
from .configuration import Config
from .database import Database
from .home import Home
from .wire import Channel

PEER, CATCHUP, PENDING = "PEER", "REMOTE_CATCHUP", "REMOTE_CATCHUP_PENDING"
DISCONNECTED, DISCONNECTED_PEER, LOCAL = "DISCONNECTED", "DISCONNECTED_PEER", "LOCAL_CATCHUP"
#: The built-in margin of PEER WINDOW ONLY and the pause between attempts to connect, in seconds.
MARGIN, RETRY = 5.0, 2.0
LONGEST_HEARTBEAT = 30.0


class Pair:
    """State of HADR on this side.  `condition` guards all of it."""

    def __init__(self, home: Home, database: Database, publish: Callable[[], None]) -> None:
        self.home, self.database, self._publish = home, database, publish
        self.config = Config(database.config)
        self.condition = threading.Condition(threading.RLock())
        self.host, self.port = configuration.resolve(
            self.config["HADR_LOCAL_HOST"], self.config["HADR_LOCAL_SVC"]
        )
        self.remote_host, self.remote_port = configuration.resolve(
            self.config["HADR_REMOTE_HOST"], self.config["HADR_REMOTE_SVC"]
        )
        self.scale = home.scale
        self.mode = self.config["HADR_SYNCMODE"].upper()
        self.timeout = self.config.seconds("HADR_TIMEOUT") * self.scale
        waits = self.mode in ("SYNC", "NEARSYNC")
        self.waits_for_partner = waits
        self.window = self.config.seconds("HADR_PEER_WINDOW") * self.scale if waits else 0.0
        self.state = DISCONNECTED if self.role == "PRIMARY" else LOCAL
        self.channel: Channel | None = None
        self.connect_time = home.now()
        self.window_end: float | None = None
        self.window_until = 0.0
        self.acknowledged = 0
        self.confirmed = database.log.end if self.role == "PRIMARY" else database.applied
        self.partner: dict[str, Any] = {}
        self.last_received = time.time()
        self.last_sent = 0.0
        self.heartbeats = 0
        self.wait_since: float | None = None
        self.waits, self.waited = 0, 0.0
        self.logging_stopped = False
        self.switching = False
        self.taking: int | None = None
        self.closed = False
        self.cut = home.has_fault("link")
        self.congested = False

    # -- what does not change the state -------------------------------------------------------

    @property
    def role(self) -> str:
        """Return the role on disk."""
        return str(self.database.control.role)

    @property
    def connected(self) -> bool:
        """Tell whether there is a connection, as far as this side knows."""
        return self.channel is not None

    @property
    def heartbeat(self) -> float:
        """Return the interval of heartbeats in scaled seconds."""
        parts = [self.timeout / 4, LONGEST_HEARTBEAT * self.scale]
        if self.window:
            parts.append(self.window / 4)
        return min(parts)

    def introduction(self, kind: str) -> dict[str, Any]:
        """Return what this side tells the other one first."""
        control = self.database.control
        return {
            "kind": kind,
            "role": self.role,
            "database": self.database.name,
            "instance": self.home.instance,
            "host": self.host,
            "port": self.port,
            "shown_host": self.config["HADR_LOCAL_HOST"],
            "timeout": self.config["HADR_TIMEOUT"],
            "window": self.config["HADR_PEER_WINDOW"],
            "mode": self.mode,
            "origin": control.origin,
            "chains": control.chains,
            "end": self.confirmed,
            "digest": self.database.log.digest_at(self.confirmed),
        }

    def inside_window(self) -> bool:
        """Tell whether this standby may take over in the peer window: five seconds are kept."""
        if self.state not in (PEER, DISCONNECTED_PEER) or self.window_end is None:
            return False
        return self.home.now() <= self.window_end - MARGIN * self.scale

    # -- changes; the caller holds the condition ----------------------------------------------

    def publish(self) -> None:
        """Let db2pd and everyone who waits see what has changed."""
        self.condition.notify_all()
        self._publish()

    def set_state(self, state: str) -> None:
        """Change the state."""
        if state != self.state:
            letter = self.role[0]
            self.home.diagnose(
                f"HADR state set to HDR_{letter}_{state} (was HDR_{letter}_{self.state})"
            )
            self.state = state
        self.publish()

    def send(self, **message: Any) -> None:
        """Send a message, if there is a connection."""
        if self.channel is not None:
            self.last_sent = time.monotonic()
            if self.cut:
                return
            if not self.channel.send(**message):
                self.lost(self.channel, clean=False, why="the connection broke")

    def connected_by(self, channel: Channel, partner: dict[str, Any]) -> None:
        """Take a connection into use."""
        self.channel, self.partner = channel, partner
        self.connect_time, self.last_received = self.home.now(), time.time()
        self.heartbeats = 0
        threading.Thread(target=self._read, args=(channel,), daemon=True).start()

    def lost(self, channel: Channel | None, *, clean: bool, why: str) -> None:
        """Note that the connection is gone; enter the peer window when it was not ended."""
        if channel is None or channel is not self.channel:
            return
        channel.close()
        self.channel = None
        self.connect_time = self.home.now()
        self.home.diagnose(f"HADR of {self.database.name} is disconnected: {why}")
        primary = self.role == "PRIMARY"
        if self.taking == 0:
            self.taking = 7
        if self.state == PEER and self.window and not clean:
            if primary:
                self.window_until = time.monotonic() + self.window
                self.window_end = self.home.now() + self.window
                self.set_state(DISCONNECTED_PEER)
                return
            if self.window_end is not None and self.home.now() < self.window_end:
                self.set_state(DISCONNECTED_PEER)
                return
        if primary:
            self.window_end = None
        self.set_state(DISCONNECTED if primary else PENDING)

    def _expire(self) -> None:
        if self.state != DISCONNECTED_PEER:
            return
        if self.role == "PRIMARY":
            if time.monotonic() >= self.window_until:
                self.window_end = None
                self.set_state(DISCONNECTED)
        elif self.window_end is None or self.home.now() >= self.window_end:
            self.set_state(PENDING)

    # -- threads ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve: connections, timers."""
        from . import primary, standby

        for work in (
            lambda: primary.listen(self),
            lambda: standby.connect_again_and_again(self),
            self._keep_time,
        ):
            threading.Thread(target=work, daemon=True).start()

    def _read(self, channel: Channel) -> None:
        from . import primary, standby

        while True:
            message = channel.receive()
            if message is None:
                break
            with self.condition:
                if channel is not self.channel:
                    return
                if self.cut:
                    continue
                self.last_received = time.time()
                handler = primary if self.role == "PRIMARY" else standby
                handler.handle(self, message)
        with self.condition:
            self.lost(channel, clean=False, why="connection reset")

    def _look_at_faults(self) -> None:
        cut, congested = self.home.has_fault("link"), self.home.has_fault("congested")
        if self.cut and not cut:
            self.lost(self.channel, clean=False, why="the connection was cut and is back")
        if congested != self.congested:
            self.congested = congested
            self.connect_time = self.home.now()
            self.publish()
        self.cut = cut
        if self.state == LOCAL and not self.home.has_fault("local-catchup"):
            self.set_state(PENDING)

    def _keep_time(self) -> None:
        from . import primary

        with self.condition:
            self._look_at_faults()
        pause = min(0.25, max(self.heartbeat / 4, 0.01))
        while not self.closed:
            time.sleep(pause)
            with self.condition:
                if self.closed:
                    return
                self._look_at_faults()
                self._expire()
                if not self.connected:
                    continue
                if time.time() - self.last_received > self.timeout:
                    self.lost(self.channel, clean=False, why="nothing heard for HADR_TIMEOUT")
                elif time.monotonic() - self.last_sent >= self.heartbeat:
                    self.heartbeats += 1
                    if self.role == "PRIMARY":
                        primary.heartbeat(self)
                    else:
                        self.send(kind="acknowledge", **self.positions())

    def positions(self) -> dict[str, int]:
        """Return how far this standby has received and replayed."""
        return {"end": self.database.log.end, "replayed": self.database.applied}

    def close(self, *, clean: bool = True) -> None:
        """End HADR on this side; the partner is told when the end is clean."""
        with self.condition:
            if clean:
                self.send(kind="bye")
            self.closed = True
            channel, self.channel = self.channel, None
            if channel is not None:
                channel.close()
            self.condition.notify_all()

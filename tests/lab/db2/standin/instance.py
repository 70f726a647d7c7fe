"""The instance inside its daemon: databases, clients, and the commands that change states."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from . import configuration, memory, primary, standby
from .database import Database, names
from .home import Home, read_json, write_json
from .messages import Refused
from .pair import Pair
from .processes import process_start
from .sessions import Session


class Instance:
    """A started instance."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.databases: dict[str, Database] = {}
        self.sessions: dict[str, Session] = {}
        self._lock = threading.RLock()
        self.publish()
        threading.Thread(target=self._reap, daemon=True).start()

    @property
    def manager(self) -> dict[str, str]:
        """Return the configuration of the database manager."""
        return dict(read_json(f"{self.home.own}/manager.json", {}))

    def publish(self) -> None:
        """Write what db2pd reads; the pid in it is how an instance is known to be up."""
        with self._lock:
            active = [d for d in self.databases.values() if d.active]
            pid = os.getpid()
            content = {
                "pid": pid,
                "start": process_start(pid),
                "databases": {d.name: memory.describe(d) for d in active},
            }
            write_json(self.home.shared_memory, content, durable=False)

    def database(self, name: str) -> Database:
        """Return a database.  Raises Refused."""
        name = name.strip('"').upper()
        with self._lock:
            if name not in names(self.home):
                raise Refused("SQL1013N", name)
            if name not in self.databases:
                database = Database(self.home, name)
                database.force_applications = lambda: self.force(database)  # type: ignore[method-assign]
                database.shut_down = lambda: self.shut_down(database)  # type: ignore[method-assign]
                self.databases[name] = database
            return self.databases[name]

    def forget(self, database: Database) -> None:
        """Read a database anew the next time: it was replaced."""
        with self._lock:
            self.databases.pop(database.name, None)

    # -- clients --------------------------------------------------------------------------------

    def connections(self, database: Database) -> list[Session]:
        """Return the clients of a database."""
        return [s for s in list(self.sessions.values()) if s.database is database]

    def force(self, database: Database) -> None:
        """Cut off every client of a database."""
        for session in self.connections(database):
            session.forced_off()

    def end_session(self, session: Session) -> None:
        """Forget a client; a database that only clients held active becomes inactive."""
        database = session.database
        session.disconnect()
        self.sessions.pop(session.key, None)
        if database is not None:
            self.release(database)

    def release(self, database: Database) -> None:
        """Let a database go that nobody uses."""
        if database.active and not database.explicit and not self.connections(database):
            self.shut_down(database)

    def _reap(self) -> None:
        while True:
            time.sleep(0.3)
            if not os.path.isdir(self.home.own):
                os._exit(2)  # the instance was removed: nothing is left to serve
            for session in list(self.sessions.values()):
                if not session.alive():
                    self.end_session(session)

    # -- activation -----------------------------------------------------------------------------

    def activate(self, database: Database, *, explicit: bool, command: str = "ACTIVATE") -> None:
        """Start a database in its stored role.  Raises Refused."""
        control = database.control
        with database.command_lock:
            if database.active:
                database.explicit = database.explicit or explicit
                return
            if control.backup_pending:
                raise Refused("SQL1116N", database.name)
            if control.rollforward_pending:
                raise Refused("SQL1117N", database.name)
            if control.role == "STANDARD":
                database.open()
            elif control.role == "PRIMARY":
                self._start_primary(database, forced=False, command=command)
            else:
                self._start_standby(database)
            self._active(database, explicit=explicit or control.role != "STANDARD")

    def _active(self, database: Database, *, explicit: bool) -> None:
        database.active, database.explicit = True, explicit
        database.started = time.time()
        database.control.change(consistent=False)
        self.publish()

    def _new_pair(self, database: Database) -> Pair:
        reason = configuration.start_hadr_reason(database.config, self.home.instance, self.manager)
        if reason is not None:
            raise Refused("SQL1768N", reason=reason)
        if not database.active:
            database.open()
        return Pair(self.home, database, self.publish)

    def _start_primary(self, database: Database, *, forced: bool, command: str) -> None:
        """Start as primary: no other primary there, and a standby that connects in time."""
        pair = self._new_pair(database)
        try:
            if not forced:
                self._look_for_another(pair, command)
            database.pair = pair
            pair.start()
            if not forced:
                self._wait_for_standby(pair)
        except Refused:
            pair.close(clean=False)
            database.pair = None
            if not database.active:
                database.close()
            raise

    def _look_for_another(self, pair: Pair, command: str) -> None:
        other = primary.probe(pair)
        if other is None:
            return
        own = [chain[0] for chain in pair.database.control.chains]
        outdated = [chain[0] for chain in other["chains"]][: len(own)] == own
        if command != "START HADR" and outdated and self.home.release == "11.5":
            raise Refused("SQL1776N", reason=6)
        raise Refused("SQL1768N", reason=19)

    @staticmethod
    def _wait_for_standby(pair: Pair) -> None:
        end = time.monotonic() + pair.timeout
        with pair.condition:
            while not pair.connected:
                if pair.database.interrupted:
                    raise Refused("SQL1768N", reason=10)
                if time.monotonic() >= end:
                    raise Refused("SQL1768N", reason=7)
                pair.condition.wait(min(0.1, pair.timeout))

    def _start_standby(self, database: Database) -> None:
        pair = self._new_pair(database)
        database.pair = pair
        pair.start()

    def shut_down(self, database: Database, *, clean: bool = True) -> None:
        """End a database's activity.  The role stays."""
        database.interrupted = True
        with database.command_lock:
            database.interrupted = False
            if not database.active:
                return
            if database.pair is not None:
                database.pair.close(clean=clean)
            for session in self.connections(database):
                session.disconnect()
            database.close()
            database.pair, database.active, database.explicit = None, False, False
            database.control.change(consistent=True)
            self.publish()

    # -- commands of HADR -----------------------------------------------------------------------

    def start_hadr(self, database: Database, role: str, *, forced: bool) -> str | None:
        """START HADR; return the code of a warning.  Raises Refused."""
        with database.command_lock:
            before = database.control.role
            if role == "PRIMARY":
                self._start_as_primary(database, before, forced=forced)
            else:
                self._start_as_standby(database, before)
        return None if database.config["LOGINDEXBUILD"].upper() == "ON" else "SQL1766W"

    def _start_as_primary(self, database: Database, before: str, *, forced: bool) -> None:
        control = database.control
        if before == "STANDBY":
            raise Refused("SQL1767N", reason=2)
        if before == "PRIMARY" and database.active:
            raise Refused("SQL1777N")
        if control.backup_pending:
            raise Refused("SQL1116N", database.name)
        if control.rollforward_pending:
            raise Refused("SQL1117N", database.name)
        self._check_hadr(database)
        control.change(role="PRIMARY")
        try:
            self._start_primary(database, forced=forced, command="START HADR")
        except Refused:
            control.change(role=before)
            raise
        self._active(database, explicit=True)

    def _start_as_standby(self, database: Database, before: str) -> None:
        control = database.control
        if before == "STANDBY" and database.active:
            raise Refused("SQL1777N")
        if database.active:
            raise Refused("SQL1767N", reason=3)
        if before == "STANDARD" and not control.rollforward_pending:
            raise Refused("SQL1767N", reason=1)
        self._check_hadr(database)
        control.change(role="STANDBY", rollforward_pending=False)
        self._start_standby(database)
        self._active(database, explicit=True)

    def _check_hadr(self, database: Database) -> None:
        reason = configuration.start_hadr_reason(database.config, self.home.instance, self.manager)
        if reason == 1:
            raise Refused("SQL1768N", reason=1)
        if reason is not None:
            raise Refused("SQL1768N", reason=reason)

    def stop_hadr(self, database: Database) -> None:
        """STOP HADR.  Raises Refused."""
        with database.command_lock:
            control = database.control
            if control.role == "STANDARD":
                raise Refused("SQL1769N", reason=1)
            if control.role == "STANDBY":
                if database.active:
                    raise Refused("SQL1769N", reason=2)
                control.change(role="STANDARD", rollforward_pending=True)
                return
            pair, database.pair = database.pair, None
            if pair is not None:
                pair.close()
            control.change(role="STANDARD")
            self.publish()

    def take_over(self, database: Database, *, forced: bool, window_only: bool) -> None:
        """TAKEOVER HADR.  Raises Refused."""
        if database.control.role != "STANDBY":
            raise Refused("SQL1770N", reason=4)
        if not database.active or database.pair is None:
            raise Refused("SQL1770N", reason=5)
        if forced:
            standby.take_over_by_force(
                database.pair, window_only=window_only, release=self.home.release
            )
        else:
            standby.take_over(database.pair)
        self.publish()

    def stop(self, *, force: bool) -> None:
        """Prepare the end of the instance.  Raises Refused while databases are active."""
        active = [d for d in self.databases.values() if d.active]
        if active and not force:
            raise Refused("SQL1025N")
        for database in list(self.databases.values()):
            self.shut_down(database)

    def describe_sessions(self) -> list[tuple[str, str, Any]]:
        """Return user, database and process of every client that is connected."""
        return [
            (s.user, s.database.name, s.pid)
            for s in list(self.sessions.values())
            if s.database is not None
        ]

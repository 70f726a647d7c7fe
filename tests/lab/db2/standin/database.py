"""A database on disk: its role and flags, its log, its rows."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any

from .configuration import Config
from .home import Home, read_json, sync_directory, write_json
from .log import START, Log, Record

APPLIED = "standin_applied"


class Control:
    """What is kept of a database beside log and rows; every change is durable."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.values: dict[str, Any] = read_json(path, {})

    def __getattr__(self, name: str) -> Any:
        return self.values[name]

    def change(self, **values: Any) -> None:
        """Set values; on disk before this returns."""
        with self._lock:
            self.values.update(values)
            write_json(self._path, self.values)


class Database:
    """One database of an instance; `home` is the instance's."""

    def __init__(self, home: Home, name: str) -> None:
        self.home, self.name = home, name.upper()
        self.path = f"{home.databases}/{self.name}"
        self.control = Control(f"{self.path}/control.json")
        self.config = Config(self.control.config)
        self.command_lock = threading.RLock()
        self.interrupted = False
        self.active = False
        self.explicit = False
        self.started = 0.0
        self.pair: Any = None
        self.applied = int(self.control.base[0])
        self._log: Log | None = None
        self.writer: sqlite3.Connection | None = None
        self.write_lock = threading.RLock()

    def force_applications(self) -> None:
        """Cut the clients off; the instance says how."""

    def shut_down(self) -> None:
        """Become inactive by itself; the instance says how."""

    @property
    def log(self) -> Log:
        """Return the log, which is read at the first use."""
        if self._log is None:
            base, digest = self.control.base
            self._log = Log(f"{self.path}/log.jsonl", base, digest)
        return self._log

    @property
    def rows(self) -> str:
        """Return the path of the rows."""
        return f"{self.path}/rows.sqlite"

    def set_config(self, name: str, value: str) -> None:
        """Set a configuration parameter on disk."""
        self.config[name] = value
        self.control.change(config=dict(self.config))

    def open(self) -> None:
        """Crash recovery: bring the rows to the end of what may be applied."""
        self._log = None
        self.writer = connect(self.rows)
        row = self.writer.execute(f"SELECT position FROM {APPLIED}").fetchone()
        self.applied = int(row[0]) if row else int(self.control.base[0])
        if self.control.role != "STANDBY":
            self.apply(self.log.end)

    def close(self) -> None:
        """Close the rows."""
        with self.write_lock:
            if self.writer is not None:
                self.writer.close()
                self.writer = None

    def apply(self, up_to: int) -> None:
        """Replay the log up to a position."""
        with self.write_lock:
            while self.applied < up_to:
                batch = [record for record in self.log.since(self.applied) if record.end <= up_to]
                if not batch or self.writer is None:
                    return
                self.writer.execute("BEGIN IMMEDIATE")
                for record in batch:
                    self._replay(record)
                self.mark_applied(batch[-1].end)
                self.writer.execute("COMMIT")

    def _replay(self, record: Record) -> None:
        assert self.writer is not None
        for statement, values in record.statements:
            try:
                self.writer.execute(statement, values)
            except sqlite3.Error as error:
                self.home.diagnose(f"replay of {statement!r} at {record.start} failed: {error}")

    def mark_applied(self, position: int) -> None:
        """Note, in the transaction that is open, how far the rows follow the log."""
        assert self.writer is not None
        self.writer.execute(f"DELETE FROM {APPLIED}")
        self.writer.execute(f"INSERT INTO {APPLIED} VALUES (?)", (position,))
        self.applied = position

    def fork(self) -> None:
        """Begin a new chain at the end of the log: what a forced takeover does."""
        chains = [*self.control.chains, [os.urandom(6).hex(), self.log.end]]
        self.control.change(chains=chains)

    def last_time(self) -> int | None:
        """Return the time of the last record, None without any."""
        return self.log.records[-1].time if self.log.records else None


def connect(path: str) -> sqlite3.Connection:
    """Open the rows.  The write-ahead log loses at most what our own log applies again."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {APPLIED} (position INTEGER)")
    return connection


def names(home: Home) -> list[str]:
    """Return the names of an instance's databases."""
    if not os.path.isdir(home.databases):
        return []
    found = os.listdir(home.databases)
    return sorted(n for n in found if os.path.exists(f"{home.databases}/{n}/control.json"))


def create(home: Home, name: str) -> None:
    """Make an empty database, as CREATE DATABASE does: circular logging, no HADR."""
    origin = os.urandom(6).hex()
    values = fresh(name, origin, [[origin, START]], [START, origin])
    _make(home, name, values, None)


def fresh(name: str, origin: str, chains: list[Any], base: list[Any]) -> dict[str, Any]:
    """Return the control values of a standard database."""
    return {
        "name": name.upper(),
        "role": "STANDARD",
        "rollforward_pending": False,
        "backup_pending": False,
        "consistent": True,
        "origin": origin,
        "chains": chains,
        "base": base,
        "config": {},
        "alternate": "",
        "last_takeover": None,
        "last_backup": None,
    }


def _make(home: Home, name: str, values: dict[str, Any], rows: str | None) -> None:
    """Put a database in place; an interruption leaves none, or a whole one."""
    import shutil

    path = f"{home.databases}/{name.upper()}"
    temporary = f"{path}.new"
    shutil.rmtree(temporary, ignore_errors=True)
    os.makedirs(temporary)
    if rows:
        shutil.copyfile(rows, f"{temporary}/rows.sqlite")
    else:
        connect(f"{temporary}/rows.sqlite").close()
    write_json(f"{temporary}/control.json", values)
    shutil.rmtree(path, ignore_errors=True)
    os.rename(temporary, path)
    sync_directory(home.databases)


def replace(home: Home, name: str, values: dict[str, Any], rows: str) -> None:
    """Put a restored database in place."""
    _make(home, name, values, rows)

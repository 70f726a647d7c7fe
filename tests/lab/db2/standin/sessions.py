"""Clients of the instance.  As with Db2, a client of `db2` lives as long as its shell."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from typing import Any

from . import primary
from .database import Database, connect
from .messages import Refused
from .processes import process_start

NOW = re.compile(r"\bcurrent[ _]timestamp\b", re.IGNORECASE)
MON_GET_HADR = re.compile(
    r"table\s*\(\s*mon_get_hadr\s*\([^)]*\)\s*\)(\s+as\s+\w+)?", re.IGNORECASE
)
VALUES = re.compile(r"\A\s*values\s+(?!\()(.+)", re.IGNORECASE | re.DOTALL)
READS = ("SELECT", "WITH", "VALUES")
#: How Db2 says what SQLite says.
ERRORS = (
    (re.compile(r"no such (?:table|column): (\S+)"), "SQL0204N"),
    (re.compile(r"(UNIQUE) constraint failed"), "SQL0803N"),
)


class Session:
    """A client, known by the process that holds it."""

    def __init__(self, key: str, pid: int, user: str) -> None:
        self.key, self.pid, self.user = key, pid, user
        self._start = process_start(pid)
        self.database: Database | None = None
        self._reader: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._forced = False

    def alive(self) -> bool:
        """Tell whether the process is still there."""
        return bool(self._start) and process_start(self.pid) == self._start

    def connect(self, database: Database) -> None:
        """Use a database that is active."""
        with self._lock:
            self.disconnect()
            self._forced = False
            self._reader = connect(database.rows)
            self._reader.execute("ATTACH ':memory:' AS sysibm")
            self._reader.execute("CREATE TABLE sysibm.sysversions (versionnumber)")
            self._reader.execute("INSERT INTO sysibm.sysversions VALUES ('11050000')")
            self._reader.execute("CREATE TABLE sysibm.sysdummy1 (ibmreqd)")
            self._reader.execute("INSERT INTO sysibm.sysdummy1 VALUES ('Y')")
            self.database = database

    def disconnect(self) -> None:
        """Use no database."""
        with self._lock:
            self.database = None
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def forced_off(self) -> None:
        """Lose the connection; the next statement is told so."""
        self._forced = True
        self.disconnect()

    def execute(
        self, statement: str, values: list[Any], hadr: list[dict[str, Any]]
    ) -> tuple[list[str], list[list[Any]], int]:
        """Run SQL; return column names, rows and how many changed.  Raises Refused."""
        database = self.database
        if database is None:
            forced, self._forced = self._forced, False
            raise Refused("SQL1224N" if forced else "SQL1024N")
        try:
            if statement.split(None, 1)[0].upper() in READS:
                return self._read(statement, values, hadr)
            return [], [], _write(database, statement, values)
        except sqlite3.Error as error:
            raise _translate(error) from None

    def _read(
        self, statement: str, values: list[Any], hadr: list[dict[str, Any]]
    ) -> tuple[list[str], list[list[Any]], int]:
        with self._lock:
            if self._reader is None:
                raise Refused("SQL1224N")
            if MON_GET_HADR.search(statement):
                statement = MON_GET_HADR.sub("sysibm.hadr", statement)
                self._fill(hadr)
            # SQLite wants the parentheses that Db2 can do without
            statement = (
                VALUES.sub(r"VALUES (\1)", statement) if VALUES.match(statement) else statement
            )
            cursor = self._reader.execute(statement, values)
            rows = [list(row) for row in cursor.fetchall()]
            return [column[0] for column in cursor.description], rows, 0

    def _fill(self, hadr: list[dict[str, Any]]) -> None:
        assert self._reader is not None
        self._reader.execute("DROP TABLE IF EXISTS sysibm.hadr")
        names = list(hadr[0]) if hadr else ["HADR_ROLE", "HADR_STATE", "HADR_CONNECT_STATUS"]
        self._reader.execute(f"CREATE TABLE sysibm.hadr ({', '.join(names)})")
        for row in hadr:
            marks = ", ".join("?" * len(names))
            self._reader.execute(f"INSERT INTO sysibm.hadr VALUES ({marks})", list(row.values()))


def _write(database: Database, statement: str, values: list[Any]) -> int:
    """Change rows: in both logs first, then here."""
    stamp = time.strftime("'%Y-%m-%d %H:%M:%S'", time.gmtime(database.home.now()))
    statement = NOW.sub(stamp, statement)
    with database.write_lock:
        if database.writer is None:
            raise Refused("SQL1224N")
        database.writer.execute("BEGIN IMMEDIATE")
        try:
            count = database.writer.execute(statement, values).rowcount
            position = _log(database, [[statement, values]])
            database.mark_applied(position)
        except BaseException:
            if database.writer.in_transaction:
                database.writer.execute("ROLLBACK")
            raise
        database.writer.execute("COMMIT")
    if database.pair is not None:
        with database.pair.condition:
            database.pair.publish()
    return count


def _log(database: Database, statements: list[Any]) -> int:
    if database.pair is not None:
        return primary.write(database.pair, statements).end
    record = database.log.next(int(database.home.now()), statements)
    database.log.append([record])
    return record.end


def _translate(error: sqlite3.Error) -> Refused:
    text = str(error)
    for pattern, code in ERRORS:
        found = pattern.search(text)
        if found:
            return Refused(code, found.group(1).upper())
    if "syntax error" in text or "incomplete input" in text:
        near = text.split('"')[1] if '"' in text else "END-OF-STATEMENT"
        return Refused("SQL0104N", near, "BEGIN-OF-STATEMENT", "<space>")
    return Refused("SQL0901N", text)

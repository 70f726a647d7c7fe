"""The database that /etc/xcat/cfgloc names: PostgreSQL, the Db2 stand-in, or SQLite files."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, NamedTuple

from . import system
from .schema import TABLES

CFGLOC = "/etc/xcat/cfgloc"
Row = dict[str, str]


class DatabaseDownError(Exception):
    """The database does not answer."""


class Location(NamedTuple):
    """What cfgloc says: ``Pg:dbname=xcatdb;host=10.11.0.10|xcatadm|password``.

    Db2 is always the local one: ``DB2:xcatdb|xcatdb|password``.
    """

    engine: str
    name: str = ""
    host: str = ""
    user: str = ""
    password: str = ""

    def describe(self) -> list[str]:
        """Return the lines of ``lsxcatd -d`` (measured; the password is never shown)."""
        if self.engine == "SQLite":
            return ["dbengine=SQLite"]
        if self.engine == "DB2":
            return [f"cfgloc=DB2:{self.name}|{self.user}", "dbengine=DB2", f"dbname={self.name}"]
        return [
            f"cfgloc={self.engine}:dbname={self.name};host={self.host}|{self.user}",
            f"dbengine={self.engine}",
            f"dbname={self.name}",
            f"dbhost={self.host}",
            f"dbadmin={self.user}",
        ]


def parse_location(text: str) -> Location:
    """Read the text of cfgloc; no text means SQLite. Raises ValueError."""
    text = text.strip()
    if not text:
        return Location("SQLite")
    engine, _, rest = text.partition(":")
    parts = rest.split("|")
    if engine == "DB2" and len(parts) >= 3 and parts[0]:
        return Location(engine, parts[0], "", parts[1], parts[2])
    pairs = dict(item.partition("=")[::2] for item in parts[0].split(";"))
    if engine != "Pg" or len(parts) < 3 or not pairs.get("dbname"):
        raise ValueError(
            "the stand-in knows Pg:dbname=...;host=...|user|password, DB2:name|user|password"
            " and SQLite"
        )
    return Location(engine, pairs["dbname"], pairs.get("host", ""), parts[1], parts[2])


class Database:
    """One connection, used by one command at a time, as xcatd's DB worker does.

    A connection that is gone is opened again once per statement: commands fail at once while
    the database is down, and work again by themselves. One that is silently cut off hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[str, Any] = {}

    def location(self) -> Location:
        """Return what cfgloc says now."""
        return parse_location(system.read(CFGLOC))

    def _connection(self, table: str) -> Any:
        location = self.location()
        key = table if location.engine == "SQLite" else location.engine
        if key not in self._open:
            self._open[key] = _connect(location, table)
        return self._open[key]

    def close(self) -> None:
        """Drop the connection; the next statement opens one."""
        for connection in self._open.values():
            try:
                connection.close()
            except Exception as error:  # noqa: BLE001 - it is being thrown away
                system.log(f"closing a database connection: {error}")
        self._open = {}

    def _execute(self, table: str, sql: str, values: tuple[str, ...] = ()) -> list[Any]:
        with self._lock:
            for attempt in (1, 2):
                try:
                    cursor = self._connection(table).cursor()
                    if self.location().engine == "Pg":
                        sql = sql.replace("?", "%s")
                    cursor.execute(sql, values)
                    return list(cursor.fetchall()) if cursor.description else []
                except Exception as error:
                    if not _connection_lost(error):
                        raise
                    self.close()
                    if attempt == 2:
                        raise DatabaseDownError(str(error).strip()) from error
        return []

    def rows(self, table: str, **where: str) -> list[Row]:
        """Return the rows of *table* whose columns equal *where*, in the order of the keys."""
        columns, keys = TABLES[table]
        sql = f"SELECT {_list(columns)} FROM {_quote(table)}"
        if where:
            sql += " WHERE " + " AND ".join(f"{_quote(name)} = ?" for name in where)
        sql += f" ORDER BY {_list(keys)}"
        try:
            found = self._execute(table, sql, tuple(where.values()))
        except DatabaseDownError:
            raise
        except Exception as error:
            raise DatabaseDownError(str(error).strip()) from error
        return [
            {name: str(value) for name, value in zip(columns, row) if value is not None}
            for row in found
        ]

    def by_node(self, table: str) -> dict[str, Row]:
        """Return the rows of a table keyed by node."""
        return {row["node"]: row for row in self.rows(table)}

    def site(self) -> Row:
        """Return the site table as key: value."""
        return {
            row["key"]: row.get("value", "")
            for row in self.rows("site")
            if row.get("disable", "") in ("", "0")
        }

    def put(self, table: str, keys: Row, values: Row) -> None:
        """Insert or update a row.

        As xCAT does, ignores a refusal (a read-only database): measured, chdef then says
        "modified" and nothing is written. It is only logged.
        """
        merged = {**keys, **values}
        names = list(merged)
        update = ", ".join(f"{_quote(name)} = excluded.{_quote(name)}" for name in values)
        sql = (
            f"INSERT INTO {_quote(table)} ({_list(names)})"
            f" VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT ({_list(TABLES[table][1])})"
            f" DO {'UPDATE SET ' + update if update else 'NOTHING'}"
        )
        self._write(table, sql, tuple(merged.values()))

    def delete(self, table: str, **where: str) -> None:
        """Delete rows; a refusal is ignored as in :meth:`put`."""
        condition = " AND ".join(f"{_quote(name)} = ?" for name in where)
        sql = f"DELETE FROM {_quote(table)} WHERE {condition}"
        self._write(table, sql, tuple(where.values()))

    def create_tables(self) -> None:
        """Create what is missing, as a management node's xcatd does at every start."""
        for table, (columns, keys) in TABLES.items():
            fields = ", ".join(f"{_quote(name)} TEXT" for name in columns)
            self._write(
                table,
                f"CREATE TABLE IF NOT EXISTS {_quote(table)}"
                f" ({fields}, PRIMARY KEY ({_list(keys)}))",
            )

    def _write(self, table: str, sql: str, values: tuple[str, ...] = ()) -> None:
        try:
            self._execute(table, sql, values)
        except DatabaseDownError:
            raise
        except Exception as error:  # noqa: BLE001 - the trap that is kept on purpose
            system.log(f"the database refused a write: {str(error).strip()}")


def _connection_lost(error: Exception) -> bool:
    """Tell a lost or refused connection from a refused statement (DB-API class names)."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return not isinstance(error, sqlite3.Error) and bool(
        names & {"OperationalError", "InterfaceError"}
    )


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: list[str]) -> str:
    return ", ".join(_quote(name) for name in names)


def _connect(location: Location, table: str) -> Any:
    if location.engine == "SQLite":
        name = system.path(f"/etc/xcat/{table}.sqlite")
        return sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    if location.engine == "DB2":
        from .db2 import Connection

        return Connection(location.name, location.user, location.password)
    import psycopg2

    connection = psycopg2.connect(
        dbname=location.name,
        host=location.host,
        user=location.user,
        password=location.password,
        application_name="xcatd (stand-in)",
    )
    connection.autocommit = True
    return connection

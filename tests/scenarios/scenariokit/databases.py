"""The database of a scenario: what is asked of it, and what can go wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Protocol

from labkit import engines
from labkit.engines import CFGLOC, SERVICE_ADDRESS
from labkit.host import LabError
from labkit.lab import Lab
from labkit.node import Node

_HERE = os.path.dirname(os.path.abspath(__file__))
#: A client on the wire, at the service address, and one on each management node that uses the
#: database there, while it takes writes: a node that is cut off has clients too.
CLIENTS = ("cn1", "mn1", "mn2")
LOG = "/var/log/xcat-hamn/xcat-db.postgresql.log"


class Database(Protocol):
    """What a scenario asks of its database."""

    name: str
    engine: engines.Engine
    #: How much longer than a scenario says commits may wait for a standby that was lost, seconds.
    patience: float

    def prepare(self, primary: Node, client: Node) -> None:
        """Make the table that the writers write to, and give the compute node a client."""

    def writer(self, client: str) -> tuple[str, str]:
        """Return the writer's program for a client, and the first line that it reads."""

    def pids(self, node: Node) -> list[str]:
        """Return the process that is above all others of the database, if it runs."""

    def all_pids(self, node: Node) -> list[str]:
        """Return every process of the database."""

    def let_go_on(self, node: Node) -> None:
        """Let its stopped processes go on, those that receive from the primary too."""

    def lose_touch(self, node: Node) -> list[str]:
        """Let a standby receive nothing more, silently; return the processes that were stopped.

        Raises LabError when it receives nothing.
        """

    def takes_writes(self, node: Node) -> bool | None:
        """Tell whether it is a database that takes writes; None when it does not answer."""

    def sql(self, node: Node, statement: str) -> str:
        """Return what a statement gives on a node, as text."""

    def last_words(self, lines: int) -> Sequence[str]:
        """Return the command that prints the end of its log."""


def _source(name: str) -> str:
    with open(f"{_HERE}/{name}", encoding="utf-8") as stream:
        return stream.read()


class PostgreSQL:
    """PostgreSQL, the real one."""

    name = "postgresql"
    patience = 0.0
    TABLE = (
        "CREATE TABLE IF NOT EXISTS acknowledged"
        " (writer text, number bigint, PRIMARY KEY (writer, number));\n"
        "ALTER TABLE acknowledged OWNER TO xcatadm;\n"
    )
    _PSQL = "runuser -u postgres -- env -C / psql -XAtq -v ON_ERROR_STOP=1 -d xcatdb".split()

    def __init__(self, release: str) -> None:
        self.engine = engines.PostgreSQL(release)
        self._where = ""

    def prepare(self, primary: Node, client: Node) -> None:
        self.sql(primary, self.TABLE)
        words = primary.get(CFGLOC).strip().split("|")
        self._where = (
            f"dbname=xcatdb user={words[1]} password={words[2]} target_session_attrs=read-write"
        )

    def writer(self, client: str) -> tuple[str, str]:
        host = SERVICE_ADDRESS if client == "cn1" else "127.0.0.1"
        return _source("on_client.py"), f"host={host} {self._where}"

    def pids(self, node: Node) -> list[str]:
        found = node.run(["head", "-n1", f"{self.engine.pgdata}/postmaster.pid"], check=False)
        pid = found.stdout.strip()
        name = node.run(["ps", "-o", "comm=", "-p", pid or "0"], check=False).stdout.strip()
        return [pid] if name == "postgres" else []

    def all_pids(self, node: Node) -> list[str]:
        return node.output("pgrep", "-x", "postgres").split()

    def let_go_on(self, node: Node) -> None:
        node.run(["pkill", "-CONT", "-x", "postgres"], check=False)

    def lose_touch(self, node: Node) -> list[str]:
        pids = node.run(["pgrep", "-f", "postgres: walreceiver"], check=False).stdout.split()
        if not pids:
            raise LabError(f"nothing on {node.name} receives from a primary")
        node.run(["kill", "-STOP", *pids], check=False)
        return pids

    def takes_writes(self, node: Node) -> bool | None:
        asked = [*self._PSQL, "-c", "SELECT NOT pg_is_in_recovery()"]
        answer = node.run(asked, check=False, timeout=20).stdout.strip()
        return {"t": True, "f": False}.get(answer)

    def sql(self, node: Node, statement: str) -> str:
        return node.run(self._PSQL, stdin=statement, timeout=60).stdout.strip()

    def last_words(self, lines: int) -> Sequence[str]:
        return ["tail", f"-n{lines}", LOG]


class Db2:
    """The stand-in for Db2: see tests/lab/db2/README.md.

    A commit waits until the loss of the standby is noticed, and then for the end of the window.
    """

    name = "db2"
    patience = (engines.Db2.TIMEOUT + engines.Db2.WINDOW) * engines.Db2.SCALE
    TABLE = (
        "CREATE TABLE acknowledged (writer VARCHAR(40) NOT NULL, number BIGINT NOT NULL,"
        " PRIMARY KEY (writer, number))"
    )
    _PORT = 50001

    def __init__(self) -> None:
        self.engine = engines.Db2()
        self._user = self._password = ""

    def prepare(self, primary: Node, client: Node) -> None:
        self.sql(primary, self.TABLE)
        _, self._user, self._password = primary.get(CFGLOC).strip().split("|")
        self.engine.install_client(client)

    def writer(self, client: str) -> tuple[str, str]:
        where = {"user": self._user, "password": self._password}
        if client == "cn1":
            where.update(host=SERVICE_ADDRESS, port=str(self._PORT))
        else:
            where.update(home=self.engine.home)
        return _source("on_client_db2.py"), json.dumps(where)

    def pids(self, node: Node) -> list[str]:
        return node.run(["pgrep", "-x", "db2sysc"], check=False).stdout.split()

    def all_pids(self, node: Node) -> list[str]:
        return self.pids(node)

    def _link(self) -> str:
        return f"{self.engine.home}/sqllib/standin/faults/link"

    def let_go_on(self, node: Node) -> None:
        node.run(["pkill", "-CONT", "-x", "db2sysc"], check=False)
        node.run(["rm", "-f", self._link()])

    def lose_touch(self, node: Node) -> list[str]:
        """Let HADR's connection carry nothing, and not end: as a firewall does that forgets it."""
        node.put(self._link(), "cut\n", 0o644, "xcatdb:xcatdb")
        return []

    def takes_writes(self, node: Node) -> bool | None:
        role = self.engine.shown(node).get("HADR_ROLE", "")
        return {"PRIMARY": True, "STANDBY": False}.get(role)

    def sql(self, node: Node, statement: str) -> str:
        program = ["/usr/bin/python3", "-I", "-c", _source("on_db2.py"), self.engine.home]
        return node.run(program, stdin=statement, timeout=60).stdout.strip()

    def last_words(self, lines: int) -> Sequence[str]:
        return ["tail", f"-n{lines}", f"{self.engine.home}/sqllib/db2dump/db2diag.log"]


def of(lab: Lab, name: str) -> PostgreSQL | Db2:
    """Return the database of that name for a lab."""
    return Db2() if name == "db2" else PostgreSQL(lab.release)

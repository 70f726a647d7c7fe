"""What is checked of a PostgreSQL database."""

from __future__ import annotations

from xcat_hamn.database.postgresql.client import Client, ServerState
from xcat_hamn.errors import CommandFailed
from xcat_hamn.verify.checks import Outcome, Step

_READ = "SELECT count(*) FROM pg_class"
#: A record in the log that no table has, committed like any other and waited for by whom commits
#: wait for (PostgreSQL's manual, 9.28.6; xact.c: a transaction that wrote is flushed).
_WRITE = "SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'xcat-hamn', 'verify')"
_STANDBY = "a standby takes no writes: ask on the primary's node"


class PostgreSQL:
    """The checks of one server, through psycopg2 as the user that owns it."""

    def __init__(self, client: Client, port: int) -> None:
        self._client = client
        self._port = port
        self._state: ServerState | None = None

    def steps(self) -> list[Step]:
        """Return the checks in their order."""
        return [
            ("role", self._role),
            ("pair", self._pair),
            ("read", self._read),
            ("write", self._write),
        ]

    @property
    def writable(self) -> bool:
        """Tell whether this server is the one that takes writes."""
        return self._state is not None and not self._state.in_recovery

    def _role(self) -> tuple[Outcome, str]:
        self._state = self._client.server_state()
        role = "primary" if self.writable else "standby"
        return Outcome.OK, (
            f"the server on port {self._port} is the {role}, on timeline {self._state.timeline}"
        )

    def _read(self) -> tuple[Outcome, str]:
        rows = self._client.ask(_READ)
        if not rows or not rows[0][0]:
            raise CommandFailed("the catalog reads as empty: the database is damaged, see its log")
        return Outcome.OK, "SQL reads, through psycopg2"

    def _write(self) -> tuple[Outcome, str]:
        if not self.writable:
            return Outcome.SKIPPED, _STANDBY
        self._client.ask(_WRITE)
        waits = self._state is not None and self._state.synchronous_names
        who = "this node and the standby have it" if waits else "this node has it"
        return Outcome.OK, f"a log record that belongs to no table was committed, and {who}"

    def _pair(self) -> tuple[Outcome, str]:
        if self._state is not None and self._state.in_recovery:
            if self._state.attached:
                return Outcome.OK, "attached to the primary"
            return Outcome.WARNING, "not attached to a primary: see `xcat-hamn explain`"
        attached = [one for one in self._client.standbys() if one.state == "streaming"]
        if not attached:
            return Outcome.WARNING, "no standby is attached: see `xcat-hamn explain`"
        shown = ", ".join(f"{one.name} ({one.sync_state})" for one in attached)
        return Outcome.OK, f"attached: {shown}"

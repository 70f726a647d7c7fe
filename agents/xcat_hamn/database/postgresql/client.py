"""The conversation with a running server, through psycopg2 over its unix socket.

The connection is made as the operating system user that owns the database (peer authentication,
the default of every distribution), so the agent needs no password.
"""

from __future__ import annotations

import os
import select

from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.library import distribution_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from xcat_hamn.system.deadline import Deadline

CONNECT_SECONDS = 5.0
#: The server ends a statement after this time; one that is frozen does not, so neither do we trust
#: it to: the answer is waited for a little longer, and not at all beyond the action's deadline.
STATEMENT_SECONDS = 8.0
_GRACE_SECONDS = 1.0

# Positions as numbers: comparing them as text ("0/A" against "0/10") would be wrong.  After a
# restart of a standby the receive position starts again at the beginning of a segment, so the
# larger of received and replayed counts.
_SERVER = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery()
            THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
            ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn,
       CASE WHEN pg_is_in_recovery()
            THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()),
                          (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
                          (SELECT received_tli FROM pg_stat_wal_receiver))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int
            END,
       coalesce((SELECT status FROM pg_stat_wal_receiver), ''),
       current_setting('synchronous_standby_names'),
       extract(epoch FROM pg_postmaster_start_time())::text
"""
# A standby whose log has diverged passes for a streaming one at moments, and reports as flushed
# what its own log has: more than it was sent (seen with 15).
_STANDBYS = """
SELECT application_name, CASE WHEN flush_lsn > sent_lsn THEN 'astray' ELSE state END,
       sync_state, coalesce(flush_lsn - '0/0'::pg_lsn, 0),
       pid || '/' || to_char(backend_start AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')
  FROM pg_stat_replication
"""
# Commits begin to wait when the checkpointer has read the setting, not when the sender has
# (SyncRepUpdateSyncStandbysDefined, PostgreSQL 13 to 17); idle in its main loop, it has.
_CHECKPOINTER = """
SELECT count(*) FROM pg_stat_activity
 WHERE backend_type = 'checkpointer' AND wait_event = 'CheckpointerMain'
"""
_EXEMPTED = """
SELECT coalesce(r.rolname, '') || coalesce('@' || d.datname, '')
  FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c
  LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c LIKE 'synchronous_commit=%' AND c !~ '=(on|true|yes|1|remote_apply)$'
"""
_LAST_COMMIT = "SELECT coalesce(extract(epoch FROM pg_last_xact_replay_timestamp())::bigint, 0)"


class Standby:
    """A standby as the primary sees it; ``flushed`` is a log position as a number.

    ``session`` tells this connection of it from any other.
    """

    __slots__ = ("flushed", "name", "session", "state", "sync_state")

    def __init__(
        self, name: str, state: str, sync_state: str, flushed: int, session: str = ""
    ) -> None:
        self.session = session
        self.name = name
        self.state = state
        self.sync_state = sync_state
        self.flushed = flushed


class ServerState:
    """What the server says of itself, in one question.

    ``position`` is what a primary has on disk, or what a standby has received or replayed.
    ``started`` tells this run of the server from any other.  Without a primary, ``timeline`` may be
    one too low until the next restartpoint: it is that of the control file then.
    """

    __slots__ = ("in_recovery", "position", "receiver", "started", "synchronous_names", "timeline")

    def __init__(
        self,
        in_recovery: bool,
        position: int,
        timeline: int,
        receiver: str,
        synchronous_names: str,
        started: str = "",
    ) -> None:
        self.started = started
        self.in_recovery = in_recovery
        self.position = position
        self.timeline = timeline
        self.receiver = receiver
        self.synchronous_names = synchronous_names

    @property
    def attached(self) -> bool:
        """Tell whether this standby receives log records from another server now."""
        return self.receiver == "streaming"


class Client:
    """One connection to the local server, opened at the first question."""

    def __init__(self, *, user: str, port: int, socket_directory: str, deadline: Deadline) -> None:
        self._user = user
        self._port = port
        self._socket_directory = socket_directory
        self._deadline = deadline
        self._connection: Any = None

    def _connect(self) -> Any:
        import pwd

        psycopg2: Any = distribution_library("psycopg2", "python3-psycopg2")
        uid = pwd.getpwnam(self._user).pw_uid
        mine = os.geteuid()
        if mine != uid:
            os.seteuid(uid)
        try:
            connection = psycopg2.connect(
                host=self._socket_directory,
                port=self._port,
                user=self._user,
                dbname="postgres",
                application_name="xcat-hamn",
                # The settings must not make the agent itself wait for a standby.
                options=f"-c statement_timeout={STATEMENT_SECONDS:.0f}s "
                "-c synchronous_commit=local",
                # libpq's blocking calls know no timeout and hold up the action's own deadline.
                async_=True,
            )
            self._wait(connection, CONNECT_SECONDS)
        finally:
            if mine != uid:
                os.seteuid(mine)
        return connection

    def _wait(self, connection: Any, seconds: float) -> None:
        """Wait until ``connection`` has its answer.  Raises psycopg2.Error, CommandFailed."""
        patience = self._deadline.sooner(seconds)
        while (wanted := connection.poll()) != 0:
            event = select.POLLIN if wanted == 1 else select.POLLOUT
            poll = select.poll()
            poll.register(connection.fileno(), event)
            if not poll.poll(patience.left() * 1000):
                raise CommandFailed(
                    f"PostgreSQL on port {self._port} did not answer within {patience.total:.0f} "
                    "s: it hangs or is overloaded, look at its processes and its log"
                )

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run ``statement`` and return its rows (none for a command).

        Raises CommandFailed with the server's own message when it does not answer.
        """
        psycopg2: Any = distribution_library("psycopg2", "python3-psycopg2")
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.execute(statement, tuple(values) or None)
            self._wait(self._connection, STATEMENT_SECONDS + _GRACE_SECONDS)
            return list(cursor.fetchall()) if cursor.description else []
        except psycopg2.Error as problem:
            said = " ".join(str(problem).split()) or type(problem).__name__
            self.close()
            raise CommandFailed(
                f"PostgreSQL on port {self._port} did not answer ({said}): look at its log"
            ) from None
        except BaseException:
            # Half a conversation cannot be gone on with.
            self.close()
            raise

    def server_state(self) -> ServerState:
        """Return the server's role and position.  Raises CommandFailed."""
        recovery, position, timeline, receiver, names, started = self.ask(_SERVER)[0]
        return ServerState(
            recovery, int(position or 0), int(timeline or 0), receiver, names, started
        )

    def standbys(self) -> list[Standby]:
        """Return the standbys attached to this primary.  Raises CommandFailed."""
        return [Standby(n, s, sync, int(at), on) for n, s, sync, at, on in self.ask(_STANDBYS)]

    def checkpointer_is_idle(self) -> bool:
        """Tell whether the checkpointer has nothing to do but to read its signals."""
        return bool(self.ask(_CHECKPOINTER)[0][0])

    def exempted(self) -> list[str]:
        """Return the roles and databases whose own setting lets commits not wait."""
        return sorted(str(row[0]) for row in self.ask(_EXEMPTED))

    def last_commit(self) -> int:
        """Return when the last replayed transaction was committed (epoch seconds), or 0."""
        return int(self.ask(_LAST_COMMIT)[0][0])

    def set_synchronous(self, names: str) -> None:
        """Make every commit wait for the standbys in ``names`` (empty: for none).

        Written to postgresql.auto.conf, so it survives a restart.  Raises CommandFailed.
        """
        # ALTER SYSTEM takes no bound values; the names are quoted by ``standby_names``.
        escaped = names.replace("'", "''")
        self.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{escaped}'")
        self.ask("SELECT pg_reload_conf()")

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def standby_names(names: Sequence[str]) -> str:
    """Return the value of synchronous_standby_names that waits for one of ``names``."""
    if not names:
        return ""
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in sorted(names))
    return f"1 ({quoted})"

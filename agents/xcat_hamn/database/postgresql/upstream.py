"""What the primary's log is, asked of the primary itself over a replication connection.

The replication protocol's IDENTIFY_SYSTEM and TIMELINE_HISTORY (PostgreSQL 13 to 17) need no more
rights than a standby has anyway, and are not asked on the usual path of a monitor.
"""

from __future__ import annotations

import os

from xcat_hamn.database.postgresql.client import CONNECT_SECONDS, Client
from xcat_hamn.database.postgresql.history import Log, parse_history
from xcat_hamn.database.postgresql.installation import parse_lsn
from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.files import read_text
from xcat_hamn.system.library import distribution_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from xcat_hamn.database.postgresql.replication import Replication
    from xcat_hamn.system.deadline import Deadline

#: Name under which the question shows up at the primary.
ASKING = "xcat-hamn-compare"
#: What the connection must ask for beside a standby's own connection string.
_REPLICATION = {"dbname": "replication", "replication": "true"}

_DATABASE = {"dbname": "postgres"}
#: The control file is read as pg_rewind reads it, so that a missing right shows.
_READY = """
SELECT (SELECT timeline_id FROM pg_control_checkpoint()),
       ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int,
       length(pg_read_binary_file('global/pg_control'))
"""


class Upstream(Client):
    """A replication connection to another node's server, made as the database's user."""

    fields = _REPLICATION

    def __init__(
        self, replication: Replication, peer: str, *, user: str, deadline: Deadline
    ) -> None:
        address = replication.peers[peer]
        super().__init__(
            user=user, port=replication.port, socket_directory=address, deadline=deadline
        )
        self._conninfo = replication.conninfo([address], ASKING, **self.fields)

    def _connect(self) -> Any:
        import pwd

        psycopg2: Any = distribution_library("psycopg2", "python3-psycopg2")
        uid, mine = pwd.getpwnam(self._user).pw_uid, os.geteuid()
        # The password file belongs to that user alone.
        if mine != uid:
            os.seteuid(uid)
        try:
            connection = psycopg2.connect(self._conninfo, async_=True)
            self._wait(connection, CONNECT_SECONDS)
        finally:
            if mine != uid:
                os.seteuid(mine)
        return connection

    def log(self, system: str) -> Log:
        """Return the log of the server, whose database must be a copy of the one of ``system``.

        Raises CommandFailed when it is not, does not answer, or answers something unknown.
        """
        found, timeline, position = self.ask("IDENTIFY_SYSTEM")[0][:3]
        if found != system:
            raise CommandFailed(
                f"its database (system identifier {found}) is not a copy of this one ({system})"
            )
        number = int(timeline)
        try:
            return Log(number, parse_lsn(position), self._ancestors(number))
        except ValueError as problem:
            raise CommandFailed(
                f"the primary's history of timeline {number} is not understood ({problem}): look "
                "at its pg_wal"
            ) from None

    def _ancestors(self, timeline: int) -> list[tuple[int, int]]:
        if timeline == 1:
            return []
        content = self.ask(f"TIMELINE_HISTORY {timeline}")[0][1]
        text = content if isinstance(content, str) else bytes(content).decode("utf-8", "replace")
        return parse_history(text, timeline)


class Source(Upstream):
    """A connection to another node's database postgres, as pg_rewind makes one."""

    fields = _DATABASE

    def is_ready(self) -> bool:
        """Tell whether its control file names its timeline already, which takes a checkpoint.

        Raises CommandFailed when it cannot be read.
        """
        named, actual, _ = self.ask(_READY)[0]
        return bool(named == actual)


def local_log(pgdata: str, timeline: int, end: int) -> Log:
    """Return the log of the server on ``pgdata``, which is on ``timeline`` and ends at ``end``."""
    text = read_text(f"{pgdata}/pg_wal/{timeline:08X}.history")
    try:
        return Log(timeline, end, None if text is None else parse_history(text, timeline))
    except ValueError:
        return Log(timeline, end, None)

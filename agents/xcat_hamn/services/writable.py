"""Proof that xCAT's database takes writes.

On a read-only database (a hot standby) xcatd starts, reads work, and ``chdef`` answers "created or
modified" with exit code 0 while nothing is written (tried on xCAT 2.19.0).  So the database itself
is asked, before xcatd starts and at every monitor.
"""

from __future__ import annotations

import os

from xcat_hamn.errors import HamnError
from xcat_hamn.services.cfgloc import DB2, POSTGRESQL, SQLITE, Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.ocf.log import Log

SQLITE_TABLE = "/etc/xcat/site.sqlite"
#: Perl's DBD::Pg accepts these names for the same thing; libpq knows only the first.
_DATABASE_KEYS = ("dbname", "db", "database")
_PASSED_ON = ("host", "hostaddr", "port", "sslmode", "service")

WRITABLE = "writable"
READ_ONLY = "read-only"
UNPROVEN = "unproven"


class Proof:
    """What is known: one of the words above, and a sentence unless it is WRITABLE."""

    __slots__ = ("reason", "word")

    def __init__(self, word: str, reason: str = "") -> None:
        self.word = word
        self.reason = reason


def judge(in_recovery: bool, read_only: str) -> Proof:
    """Judge PostgreSQL's pg_is_in_recovery() and transaction_read_only."""
    if in_recovery:
        return Proof(
            READ_ONLY,
            "the database is a standby, so xCAT's changes would be lost silently: promote it, or "
            "let cfgloc name the primary",
        )
    if read_only != "off":
        return Proof(
            READ_ONLY,
            f"the database refuses writes (transaction_read_only is {read_only}), so xCAT's "
            "changes would be lost silently: set default_transaction_read_only to off",
        )
    return Proof(WRITABLE)


def _postgresql(location: Location, timeout: float) -> Proof:
    from xcat_hamn.system.library import distribution_library

    psycopg2 = distribution_library("psycopg2", "python3-psycopg2")
    settings = location.settings
    names = [settings[key] for key in _DATABASE_KEYS if key in settings]
    # libpq counts whole seconds and takes 1 as 2; the server ends a query that it cannot answer.
    wait = max(2, int(timeout))
    try:
        connection = psycopg2.connect(
            dbname=names[0] if names else location.user,
            user=location.user,
            password=location.password,
            connect_timeout=wait,
            options=f"-c statement_timeout={wait * 1000}",
            tcp_user_timeout=wait * 1000,
            application_name="xcat-netsvcs",
            **{key: settings[key] for key in _PASSED_ON if key in settings},
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
                )
                recovery, read_only = cursor.fetchone()
        finally:
            connection.close()
    except psycopg2.Error as problem:
        raise HamnError(
            f"the database does not answer ({' '.join(str(problem).split())}): check that it runs "
            "and that cfgloc names it"
        ) from None
    return judge(recovery, read_only)


def _sqlite() -> Proof:
    if not os.path.exists(SQLITE_TABLE):
        raise HamnError(
            f"there is neither a cfgloc file nor {SQLITE_TABLE}, so xCAT has no database here: "
            "restore one of them"
        )
    for path in (SQLITE_TABLE, os.path.dirname(SQLITE_TABLE)):
        if not os.access(path, os.W_OK):
            return Proof(
                READ_ONLY,
                f"{path} is not writable, so xCAT's changes would be lost silently: mount its "
                "file system read-write",
            )
    return Proof(WRITABLE)


def proof(location: Location, timeout: float, log: Log, *, by_sight: bool = False) -> Proof:
    """Ask the database that ``location`` names, within about ``timeout`` seconds.

    ``by_sight``, for a monitor: what Db2 shows of itself is enough; a connection to it is three
    processes.  Raises HamnError when the database does not answer.  For an engine that nobody here
    can ask yet the answer is UNPROVEN, never WRITABLE.
    """
    if location.engine == POSTGRESQL:
        return _postgresql(location, timeout)
    if location.engine == DB2:
        from xcat_hamn.services import writable_db2

        return writable_db2.proof(location, timeout, log, by_sight=by_sight)
    if location.engine == SQLITE:
        return _sqlite()
    return Proof(
        UNPROVEN,
        f"whether a {location.engine} database takes writes cannot be proven by this version: "
        "use PostgreSQL, Db2 or SQLite",
    )

"""xCAT's ``cfgloc``: which database it keeps its tables in.

Forms (source: xCAT 2.19's Table.pm): no file means SQLite under /etc/xcat;
``Pg:dbname=xcatdb;host=10.11.0.10|xcatadm|password``, the same with ``mysql:``, and
``DB2:xcatdb|xcatdb|password``.
"""

from __future__ import annotations

from xcat_hamn.errors import NodeError, PermissionProblem
from xcat_hamn.system.files import read_text

SQLITE = "SQLite"
POSTGRESQL = "Pg"
DB2 = "DB2"


class Location:
    """A database: its engine, the settings of its DSN, and the user who connects."""

    __slots__ = ("engine", "password", "settings", "user")

    def __init__(self, engine: str, settings: dict[str, str], user: str, password: str) -> None:
        self.engine = engine
        self.settings = settings
        self.user = user
        self.password = password


def parse(text: str) -> Location:
    """Return what the text of a cfgloc file names.  Raises ValueError."""
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    engine, colon, rest = line.partition(":")
    dsn, _, credentials = rest.partition("|")
    user, bar, password = credentials.partition("|")
    if not (engine and colon and dsn and bar):
        raise ValueError("it is not of the form ENGINE:DSN|USER|PASSWORD")
    pairs = (part.partition("=") for part in dsn.split(";") if part)
    settings = {key: value for key, equals, value in pairs if equals} or {"dbname": dsn}
    return Location(engine, settings, user, password)


def read(path: str) -> Location:
    """Return the database that ``path`` names.  Raises NodeError, PermissionProblem.

    The sentences never hold the line itself: the password is in it.
    """
    try:
        text = read_text(path)
    except OSError as problem:
        raise PermissionProblem(
            f"{path} cannot be read ({problem.strerror}): make it a file of root with mode 0600"
        ) from None
    if text is None:
        return Location(SQLITE, {}, "", "")
    try:
        return parse(text)
    except ValueError as problem:
        raise NodeError(
            f"{path} does not name a database ({problem}): copy it from the other management node"
        ) from None

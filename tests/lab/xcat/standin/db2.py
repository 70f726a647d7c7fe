"""A connection to the Db2 stand-in, in the shape of DB-API that the database module uses."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Sequence
from typing import Any

LIBRARY = "/opt/ibm/db2/standin/lib"
#: Home of the instance, when it is not the home of the user of its name (unit tests).
HOME_VARIABLE = "XCAT_STANDIN_DB2_HOME"
#: What a lost connection and a database that takes none say.
LOST = ("SQL1024N", "SQL1032N", "SQL1224N", "SQL1768N", "SQL1776N", "SQL30108N")


class OperationalError(Exception):
    """The database does not answer, or takes no connection."""


class ProgrammingError(Exception):
    """A statement is refused."""


class Cursor:
    """One statement and its rows."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._rows = connection, []
        self.description: bool | None = None

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement.  Raises OperationalError or ProgrammingError."""
        from db2_standin import client

        try:
            self._rows = self._connection.execute(statement, values)
        except client.Down as error:
            raise OperationalError(str(error)) from None
        except client.Refusal as error:
            kind = OperationalError if error.code in LOST else ProgrammingError
            raise kind(str(error)) from None
        self.description = statement.lstrip().upper().startswith("SELECT") or None

    def fetchall(self) -> list[list[Any]]:
        """Return the rows."""
        rows: list[list[Any]] = self._rows
        return rows


class Connection:
    """A connection.  Raises OperationalError when the database does not take one."""

    def __init__(self, name: str, user: str, password: str) -> None:
        if LIBRARY not in sys.path:
            sys.path.append(LIBRARY)
        from db2_standin import client

        home = os.environ.get(HOME_VARIABLE) or pwd.getpwnam(user).pw_dir
        try:
            self._connection = client.connect(name, home, user, password)
        except (client.Down, client.Refusal) as error:
            raise OperationalError(str(error)) from None

    def cursor(self) -> Cursor:
        """Return something that runs one statement."""
        return Cursor(self._connection)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

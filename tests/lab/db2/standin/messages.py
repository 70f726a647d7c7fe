"""The messages of the stand-in: short texts, SQLSTATEs, reason codes, and how `db2` prints them."""

from __future__ import annotations

#: Visible columns of a line of the command line processor (measured on recorded transcripts).
WIDTH = 78

HADR_DATABASE = {"9.7": "an HADR standby database", "10.1": "an HADR standby database"}

#: code -> (SQLSTATE or nothing, short text).  A reason code is added where one is given.
TEXTS: dict[str, tuple[str, str]] = {
    "SQL0104N": (
        "42601",
        'An unexpected token "{0}" was found following "{1}".'
        '  Expected tokens may include:  "{2}".',
    ),
    "SQL0204N": ("42704", '"{0}" is an undefined name.'),
    "SQL0803N": (
        "23505",
        "One or more values in the INSERT statement, UPDATE statement, or foreign"
        " key update caused by a DELETE statement are not valid because the primary key,"
        " unique constraint or unique index constrains the table from having duplicate"
        " values for the index key.",
    ),
    "SQL0901N": (
        "58004",
        "The SQL statement or command failed because of a database system error."
        ' (Reason "{0}".)',
    ),
    "SQL1005N": (
        "",
        'The database alias "{0}" already exists in either the local database'
        " directory or system database directory.",
    ),
    "SQL1013N": ("42705", 'The database alias name or database name "{0}" could not be found.'),
    "SQL1024N": ("08003", "A database connection does not exist."),
    "SQL1025N": ("", "The database manager was not stopped because databases are still active."),
    "SQL1026N": ("", "The database manager is already active."),
    "SQL1032N": ("57019", "No start database manager command was issued."),
    "SQL1035N": (
        "57019",
        "The operation failed because the specified database cannot be connected"
        " to in the mode requested.",
    ),
    "SQL1042C": ("58004", "An unexpected system error occurred."),
    "SQL1063N": ("", "DB2START processing was successful."),
    "SQL1064N": ("", "DB2STOP processing was successful."),
    "SQL1092N": (
        "",
        "The requested command or operation failed because the user ID does not have"
        ' the authority to perform the requested command or operation.  User ID: "{0}".',
    ),
    "SQL1116N": (
        "57019",
        'A connection to or activation of database "{0}" failed because the'
        " database is in BACKUP PENDING state.",
    ),
    "SQL1117N": (
        "57019",
        'A connection to or activation of database "{0}" cannot be made because'
        " of ROLL-FORWARD PENDING.",
    ),
    "SQL1224N": (
        "55032",
        "The database manager is not able to accept new requests, has terminated"
        " all requests in progress, or has terminated the specified request because of an"
        " error or a forced interrupt.",
    ),
    "SQL1363W": (
        "",
        "One or more of the parameters submitted for immediate modification were not"
        " changed dynamically. For these configuration parameters, the database must be"
        " shutdown and reactivated before the configuration parameter changes become"
        " effective.",
    ),
    "SQL1490W": (
        "",
        "Activate database is successful, however, the database has already been"
        " activated on one or more nodes.",
    ),
    "SQL1491N": (
        "",
        'The database "{0}" was not deactivated because the database is still being' " used.",
    ),
    "SQL1493N": (
        "",
        "The command failed because the application is already connected to an active" " database.",
    ),
    "SQL1494W": (
        "",
        "Activate database is successful, however, there is already a connection to"
        " the database.",
    ),
    "SQL1495W": (
        "",
        "Deactivate database is successful, however, there is still a connection to"
        " the database.",
    ),
    "SQL1496W": ("", "Deactivate database is successful, but the database was not activated."),
    "SQL0100W": (
        "02000",
        "No row was found for FETCH, UPDATE or DELETE; or the result of a query"
        " is an empty table.",
    ),
    "SQL1611W": ("", "No data was returned by Database System Monitor."),
    "SQL1766W": (
        "",
        "The command completed successfully. However, LOGINDEXBUILD was not enabled"
        " before HADR was started.",
    ),
    "SQL2413N": (
        "",
        "Online backup is not allowed because the database is not recoverable or a"
        " backup pending condition is in effect.",
    ),
    "SQL1767N": ("", "Start HADR cannot complete."),
    "SQL1768N": ("", "Unable to start HADR."),
    "SQL1769N": ("", "Stop HADR cannot complete."),
    "SQL1770N": ("", "Takeover HADR cannot complete."),
    "SQL1773N": (
        "51045",
        "The statement or command failed because it requires functionality that"
        " is not supported on a read-enabled HADR standby database.",
    ),
    "SQL1776N": ("08004", "The command cannot be issued on {hadr}."),
    "SQL1777N": ("", "HADR is already started."),
    "SQL2001N": ("", "The utility was interrupted. The output data may be incomplete."),
    "SQL2036N": ("", 'The path for the file, named pipe, or device "{0}" is not valid.'),
    "SQL2539W": (
        "",
        "The specified name of the backup image to restore is the same as the name of"
        " the target database.  Restoring to an existing database that is the same as the"
        " backup image database will cause the current database to be overwritten by the"
        " backup version.",
    ),
    "SQL2542N": (
        "",
        "No match for a database image file was found based on the source database"
        ' alias "{0}" and timestamp "{1}" provided.',
    ),
    "SQL6031N": ("", 'Error in the db2nodes.cfg file at line number "{0}".  Reason code "{1}".'),
    "SQL30082N": ("08001", 'Security processing failed with reason "{0}" ("{1}").'),
}


class Refused(Exception):
    """A command is refused with a message; `code` ends in N, C or W, which gives the exit code."""

    def __init__(self, code: str, *values: object, reason: int | None = None) -> None:
        super().__init__(code, *values, reason)
        self.code, self.values, self.reason = code, values, reason

    def text(self, release: str = "11.5", *, state: bool = True) -> str:
        """Return the message as one line; without SQLSTATE where `state` is false."""
        return message(self.code, *self.values, reason=self.reason, release=release, state=state)


def message(
    code: str,
    *values: object,
    reason: int | None = None,
    release: str = "11.5",
    state: bool = True,
) -> str:
    """Return a message as one unwrapped line."""
    sqlstate, text = TEXTS[code]
    if code == "SQL1035N" and release == "9.7":
        text = "The database is currently in use."
    text = text.format(*values, hadr=HADR_DATABASE.get(release, "an HADR database"))
    if reason is not None:
        text += f' Reason code = "{reason}".'
    if sqlstate and state:
        text += f"  SQLSTATE={sqlstate}"
    return f"{code}  {text}"


def done(command: str) -> str:
    """Return the text of success."""
    return f"DB20000I  The {command} command completed successfully."


def exit_code(code: str) -> int:
    """Return the exit code of `db2` for a message: 0, 2 for a warning, 4 for an error, 8."""
    if code == "SQL0100W":
        return 1
    return {"I": 0, "W": 2, "N": 4, "C": 8, "E": 4}[code[-1]]


def wrap(text: str) -> str:
    """Break lines on blanks as `db2` does: the blanks stay at the end of the broken line."""
    return "\n".join(part for line in text.split("\n") for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    parts = []
    while len(line.rstrip()) > WIDTH:
        cut = line.rfind(" ", 0, WIDTH + 1)
        if cut <= 0:
            break
        parts.append(line[: cut + 1])
        line = line[cut + 1 :]
    return [*parts, line]

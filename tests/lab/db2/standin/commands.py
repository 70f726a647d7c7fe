"""The commands of `db2` that need a started instance, and what they answer."""

from __future__ import annotations

import re
from typing import Any, Callable, NamedTuple

from . import backup, memory, shown
from .instance import Instance
from .messages import Refused, done
from .sessions import Session

NAME = r'"?([\w$#@]+)"?'
DB = r"(?:DB|DATABASE)"
USER = r"(?:\s+USER\s+(\S+)\s+USING\s+(\S+))?"


class Call(NamedTuple):
    """A command that was asked, and by whom."""

    instance: Instance
    session: Session
    confirmed: bool
    bare: bool
    owner: bool
    values: list[Any]


class Answer(NamedTuple):
    """What is printed; a warning's code decides the exit code."""

    text: str
    warning: str = ""


Handler = Callable[..., Answer]
COMMANDS: list[tuple[re.Pattern[str], Handler, bool]] = []


def command(pattern: str, *, authority: bool = True) -> Callable[[Handler], Handler]:
    """Register the handler of a command; `authority` means the instance's owner only."""
    expanded = pattern.replace("<DB>", DB).replace("<NAME>", NAME).replace("<USER>", USER)
    compiled = re.compile(expanded.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL)

    def register(handler: Handler) -> Handler:
        COMMANDS.append((compiled, handler, authority))
        return handler

    return register


def run(call: Call, text: str) -> Answer:
    """Run a command.  Raises Refused, or Prompt."""
    for pattern, handler, authority in COMMANDS:
        found = pattern.fullmatch(text)
        if found:
            if authority and not call.owner:
                raise Refused("SQL1092N", call.session.user.upper())
            return handler(call, *found.groups())
    return sql(call, text)


def sql(call: Call, text: str) -> Answer:
    """Run a statement."""
    hadr = [
        _monitored(memory.describe(database))
        for database in call.instance.databases.values()
        if database is call.session.database and database.pair is not None
    ]
    columns, rows, count = call.session.execute(text, call.values, hadr)
    if columns:
        return Answer(shown.table(columns, rows, bare=call.bare), "" if rows else "SQL0100W")
    if count == 0 and text.split(None, 1)[0].upper() in ("UPDATE", "DELETE", "INSERT"):
        raise Refused("SQL0100W")
    return Answer(done("SQL"))


def _monitored(described: dict[str, Any]) -> dict[str, Any]:
    hadr = described["hadr"]
    return {
        "HADR_ROLE": hadr["role"],
        "HADR_SYNCMODE": hadr["mode"],
        "STANDBY_ID": 1 if hadr["role"] == "PRIMARY" else 0,
        "HADR_STATE": hadr["state"],
        "HADR_CONNECT_STATUS": "CONNECTED" if hadr["connected"] else "DISCONNECTED",
        "PRIMARY_LOG_POS": hadr["primary_log"][2],
        "STANDBY_LOG_POS": hadr["standby_log"][2],
        "STANDBY_REPLAY_LOG_POS": hadr["replay_log"][2],
        "HADR_LOG_GAP": hadr["gap"],
        "PEER_WINDOW": hadr["window"],
        "PEER_WINDOW_END": hadr["window_end"],
    }


def authenticate(call: Call, user: str | None, password: str | None) -> None:
    if user is None:
        return
    expected = call.instance.home.passwords().get(user.lower())
    if expected is None or expected != (password or "").strip("'\""):
        raise Refused("SQL30082N", 24, "USERNAME AND/OR PASSWORD INVALID")


@command("CONNECT TO <NAME><USER>", authority=False)
def connect(call: Call, name: str, user: str | None, password: str | None) -> Answer:
    """Connect; this activates an inactive primary, and never a standby."""
    call.instance.home.fault("connect")
    authenticate(call, user, password)
    database = call.instance.database(name)
    if database.control.role == "STANDBY":
        raise Refused("SQL1776N", reason=1)
    pair = database.pair
    if pair is not None and pair.switching:
        raise Refused("SQL1776N", reason=2)
    call.instance.activate(database, explicit=False, command="CONNECT")
    call.session.connect(database)
    who = (user or call.session.user).upper()
    release = {"9.7": "9.7.0", "10.1": "10.1.0", "11.5": "11.5.0.0"}[call.instance.home.release]
    return Answer(
        "\n   Database Connection Information\n\n"
        f" Database server        = DB2/LINUXX8664 {release}\n"
        f" SQL authorization ID   = {who}\n"
        f" Local database alias   = {database.name}\n"
    )


@command("CONNECT RESET|DISCONNECT (?:CURRENT|ALL|<NAME>)", authority=False)
def connect_reset(call: Call, _name: str | None) -> Answer:
    """End the connection."""
    database = call.session.database
    call.session.disconnect()
    if database is not None:
        call.instance.release(database)
    return Answer(done("SQL"))


@command("TERMINATE", authority=False)
def terminate(call: Call) -> Answer:
    """End the back-end of this shell."""
    call.instance.end_session(call.session)
    return Answer(done("TERMINATE"))


@command("(?:COMMIT|ROLLBACK)(?: WORK)?", authority=False)
def commit(call: Call) -> Answer:
    """Nothing is left to commit: every statement is committed by itself."""
    if call.session.database is None:
        raise Refused("SQL1024N")
    return Answer(done("SQL"))


@command("CREATE <DB> <NAME>(?: .*)?")
def create_database(call: Call, name: str) -> Answer:
    """Create a database."""
    backup.create_database(call.instance, name)
    return Answer(done("CREATE DATABASE"))


@command("ACTIVATE <DB> <NAME><USER>")
def activate(call: Call, name: str, *credentials: str | None) -> Answer:
    """Start a database in its stored role."""
    call.instance.home.fault("activate")
    authenticate(call, *credentials)
    database = call.instance.database(name)
    if database.active:
        explicit, database.explicit = database.explicit, True
        raise Refused("SQL1490W" if explicit else "SQL1494W")
    call.instance.activate(database, explicit=True)
    return Answer(done("ACTIVATE DATABASE"))


@command("DEACTIVATE <DB> <NAME><USER>")
def deactivate(call: Call, name: str, *credentials: str | None) -> Answer:
    """Stop a database; clients that are connected hold it."""
    call.instance.home.fault("deactivate")
    authenticate(call, *credentials)
    database = call.instance.database(name)
    database.interrupted = True
    with database.command_lock:
        database.interrupted = False
        if not database.active:
            raise Refused("SQL1496W")
        if call.instance.connections(database):
            database.explicit = False
            raise Refused("SQL1495W")
        call.instance.shut_down(database)
    return Answer(done("DEACTIVATE DATABASE"))


@command("START HADR ON <DB> <NAME><USER> AS (PRIMARY|STANDBY)( BY FORCE)?")
def start_hadr(call: Call, name: str, user: str, password: str, role: str, force: str) -> Answer:
    """Start as primary or standby."""
    call.instance.home.fault("start-hadr")
    authenticate(call, user, password)
    database = call.instance.database(name)
    warning = call.instance.start_hadr(database, role.upper(), forced=bool(force))
    if warning:
        raise Refused(warning)
    return Answer(done("START HADR ON DATABASE"))


@command("STOP HADR ON <DB> <NAME><USER>")
def stop_hadr(call: Call, name: str, *credentials: str | None) -> Answer:
    """Make a standard database of it."""
    authenticate(call, *credentials)
    call.instance.stop_hadr(call.instance.database(name))
    return Answer(done("STOP HADR ON DATABASE"))


@command("TAKEOVER HADR ON <DB> <NAME><USER>( BY FORCE)?( PEER WINDOW ONLY)?")
def takeover(
    call: Call, name: str, user: str, password: str, force: str | None, window: str | None
) -> Answer:
    """Become primary."""
    call.instance.home.fault("takeover")
    if window and not force:
        raise Refused("SQL0104N", "PEER", name.upper(), "BY FORCE")
    authenticate(call, user, password)
    database = call.instance.database(name)
    call.instance.take_over(database, forced=bool(force), window_only=bool(window))
    return Answer(done("TAKEOVER HADR ON DATABASE"))


def is_known(text: str) -> bool:
    """Tell a command of the command line processor from SQL."""
    return any(pattern.fullmatch(text) for pattern, _, _ in COMMANDS)

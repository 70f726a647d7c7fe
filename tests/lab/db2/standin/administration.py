"""Further commands of `db2`: configuration, snapshots, images, applications."""

from __future__ import annotations

from . import backup, memory, shown
from . import database as databases
from .commands import Answer, Call, authenticate, command
from .configuration import acceptable, known
from .messages import Refused, done


@command("GET <DB> (?:CFG|CONFIGURATION|CONFIG)(?: FOR <NAME>)?(?: SHOW DETAIL)?", authority=False)
def get_configuration(call: Call, name: str | None) -> Answer:
    """Show the configuration, the role in it."""
    call.instance.home.fault("get-db-cfg")
    database = call.session.database if name is None else call.instance.database(name)
    if database is None:
        raise Refused("SQL1024N")
    return Answer(shown.database_configuration(database, call.instance.home.release))


@command(
    "UPDATE <DB> (?:CFG|CONFIGURATION|CONFIG)(?: FOR <NAME>)? USING (.+?)"
    "(?: (?:IMMEDIATE|DEFERRED))?"
)
def update_configuration(call: Call, name: str | None, pairs: str) -> Answer:
    """Change the configuration; an active database goes on with the old one."""
    database = call.session.database if name is None else call.instance.database(name)
    if database is None:
        raise Refused("SQL1024N")
    words = pairs.split()
    names, values = [w.upper() for w in words[::2]], [w.strip("'\"") for w in words[1::2]]
    if len(names) != len(values):
        raise Refused("SQL0104N", "END-OF-STATEMENT", words[-1], "<identifier>")
    for key, value in zip(names, values):
        if not known(key, call.instance.home.release) or not acceptable(key, value):
            token = key if not known(key, call.instance.home.release) else value
            raise Refused("SQL0104N", token, "USING", "<identifier>")
    archived = database.config.archives()
    for key, value in zip(names, values):
        database.set_config(key, value)
    if database.config.archives() and not archived:
        database.control.change(backup_pending=True)
    text = done("UPDATE DATABASE CONFIGURATION")
    if database.active:
        return Answer(f"{text}\n{Refused('SQL1363W').text()}", "SQL1363W")
    return Answer(text)


@command("UPDATE ALTERNATE SERVER FOR <DB> <NAME> USING HOSTNAME (\\S+) PORT (\\S+)")
def alternate_server(call: Call, name: str, host: str, port: str) -> Answer:
    """Remember where clients are rerouted to."""
    call.instance.database(name).control.change(alternate=f"{host} {port}")
    cache = (
        "DB21056W  Directory changes may not be effective until the directory cache is refreshed."
    )
    return Answer(f"{done('UPDATE ALTERNATE SERVER FOR DATABASE')}\n{cache}", "DB21056W")


@command("GET SNAPSHOT FOR <DB> ON <NAME>")
def get_snapshot(call: Call, name: str) -> Answer:
    """Show the state of HADR the old way."""
    database = call.instance.database(name)
    described = memory.describe(database) if database.active else {}
    return Answer(shown.snapshot(database, described, call.instance.home.now()))


@command('BACKUP <DB> <NAME><USER>( ONLINE)?(?: TO "?([^"\\s]+?)/?"?)?(?: .*)?')
def run_backup(
    call: Call, name: str, user: str, password: str, online: str | None, target: str | None
) -> Answer:
    """Write an image."""
    call.instance.home.fault("backup")
    authenticate(call, user, password)
    database = call.instance.database(name)
    stamp = backup.backup(
        call.instance, database, target or call.instance.home.path, online=bool(online)
    )
    return Answer(f"\nBackup successful. The timestamp for this backup image is : {stamp}\n")


@command('RESTORE <DB> <NAME><USER> FROM "?([^"\\s]+?)/?"?(?: TAKEN AT (\\d+))?((?: .*)?)')
def run_restore(
    call: Call, name: str, user: str, password: str, folder: str, stamp: str, rest: str
) -> Answer:
    """Read an image."""
    call.instance.home.fault("restore")
    authenticate(call, user, password)
    words = " ".join(rest.upper().split())
    asked = call.confirmed or "WITHOUT PROMPTING" in words
    pending = "WITHOUT ROLLING FORWARD" not in words
    backup.restore(call.instance, name, folder, stamp, asked=asked, pending=pending)
    return Answer(done("RESTORE DATABASE"))


@command("ROLLFORWARD <DB> <NAME>((?: .*)?)")
def roll_forward(call: Call, name: str, rest: str) -> Answer:
    """Finish a restored database, or turn a former standby into a database of its own."""
    complete = "COMPLETE" in rest.upper() or "STOP" in rest.upper()
    text = backup.roll_forward(call.instance.database(name), complete=complete)
    return Answer(f"{text}\n{done('ROLLFORWARD')}")


@command("LIST HISTORY BACKUP ALL FOR(?: <DB>)? <NAME>")
def history(call: Call, name: str) -> Answer:
    """Show the backups that were taken of a database."""
    backups = call.instance.database(name).control.values.get("backups", [])
    return Answer(shown.history(name, backups))


@command("FORCE APPLICATIONS? ALL")
def force(call: Call) -> Answer:
    """Cut every client off."""
    for database in list(call.instance.databases.values()):
        call.instance.force(database)
        call.instance.release(database)
    note = "DB21024I  This command is asynchronous and may not be effective immediately."
    return Answer(f"{done('FORCE APPLICATION')}\n{note}\n")


@command("LIST APPLICATIONS?(?: .*)?")
def applications(call: Call) -> Answer:
    """Show who is connected."""
    found = call.instance.describe_sessions()
    if not found:
        raise Refused("SQL1611W")
    rows = [[user.upper(), "db2bp", pid, name] for user, name, pid in found]
    return Answer(shown.table(["Auth Id", "Application", "Handle", "DB Name"], rows, bare=False))


@command("LIST ACTIVE <DB>S?")
def active_databases(call: Call) -> Answer:
    """Show what is active."""
    lines = ["", "                           Active Databases", ""]
    active = [d for d in call.instance.databases.values() if d.active]
    if not active:
        raise Refused("SQL1611W")
    for database in active:
        count = len(call.instance.connections(database))
        lines += [
            f"Database name                              = {database.name}",
            f"Applications connected currently           = {count}",
            f"Database path                              = {database.path}/",
            "",
        ]
    return Answer("\n".join(lines))


@command("LIST <DB> DIRECTORY", authority=False)
def directory(call: Call) -> Answer:
    """Show the databases."""
    home = call.instance.home
    return Answer(shown.directory(home, databases.names(home)))


@command("(QUIESCE|UNQUIESCE) <DB>(?: .*)?")
def quiesce(call: Call, word: str) -> Answer:
    """Cut the clients off; that nobody comes back meanwhile is not kept."""
    database = call.session.database
    if database is None:
        raise Refused("SQL1024N")
    if word.upper() == "QUIESCE":
        for session in call.instance.connections(database):
            if session is not call.session:
                session.forced_off()
    return Answer(done(f"{word.upper()} DATABASE"))


@command("ARCHIVE LOG FOR <DB> <NAME>")
def archive_log(call: Call, name: str) -> Answer:
    """End the log file; the stand-in's positions do not jump."""
    call.instance.database(name)
    return Answer(done("ARCHIVE LOG"))

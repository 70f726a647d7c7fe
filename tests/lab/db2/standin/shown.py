"""Texts of the commands that show something, and the tables of SELECT."""

from __future__ import annotations

import time
from typing import Any

from . import configuration
from .configuration import PARAMETERS, known, line
from .database import Database
from .home import Home
from .log import START, place
from .messages import Refused

#: Spelling of states and modes up to 9.7, and in GET SNAPSHOT.
WORDS = {
    "PEER": "Peer",
    "DISCONNECTED_PEER": "Disconnected peer",
    "DISCONNECTED": "Disconnected",
    "REMOTE_CATCHUP": "Remote catchup",
    "REMOTE_CATCHUP_PENDING": "Remote catchup pending",
    "LOCAL_CATCHUP": "Local catchup",
}


def database_configuration(database: Database, release: str) -> str:
    """Return GET DB CFG."""
    control = database.control
    yes = {True: "YES", False: "NO"}
    first = [
        "",
        f"       Database Configuration for Database {database.name.lower()}",
        "",
        line("Backup pending", "", yes[control.backup_pending]),
        "",
        line("All committed transactions have been written to disk", "", yes[control.consistent]),
        line("Rollforward pending", "", "DATABASE" if control.rollforward_pending else "NO"),
        line("Restore pending", "", "NO"),
        "",
    ]
    for name, (label, _) in PARAMETERS.items():
        if known(name, release) and not name.startswith("HADR_"):
            first.append(line(label, name, database.config[name]))
    active = place(database.log.end)[0] if database.config.archives() else ""
    first += [line("First active log file", "", active), ""]
    lines = [*first, *configuration.hadr_lines(database.config, control.role, release), ""]
    return "\n".join(lines)


def directory(home: Home, found: list[str]) -> str:
    """Return LIST DATABASE DIRECTORY."""
    lines = ["", " System Database Directory", ""]
    lines.append(f" Number of entries in the directory = {len(found)}")
    for number, name in enumerate(found, 1):
        alternate = Database(home, name).control.values.get("alternate") or " "
        host, _, port = alternate.partition(" ")
        pairs = (
            ("Database alias", name),
            ("Database name", name),
            ("Local database directory", home.path),
            ("Database release level", "14.00"),
            ("Comment", "(stand-in)"),
            ("Directory entry type", "Indirect"),
            ("Catalog database partition number", "0"),
            ("Alternate server hostname", host),
            ("Alternate server port number", port),
        )
        lines += ["", f"Database {number} entry:", ""]
        lines += [f" {key.ljust(36)} = {value}".rstrip() for key, value in pairs]
    return "\n".join([*lines, ""])


def history(name: str, backups: list[dict[str, str]]) -> str:
    """Return LIST HISTORY BACKUP: as documented, no recording was found."""
    count = f"Number of matching file entries = {len(backups)}"
    lines = ["", f"                    List History File for {name.lower()}", "", count, ""]
    rule = " " + "-" * 77
    for number, entry in enumerate(backups, 1):
        first, online = place(START)[0], entry["type"] == "N"
        lines += [
            "",
            " Op Obj Timestamp+Sequence Type Dev Earliest Log Current Log  Backup ID",
            " -- --- ------------------ ---- --- ------------ ------------ --------------",
            f"  B  D  {entry['stamp']}001   {entry['type']}    D  {first} {first}",
            rule,
            f"    Comment: DB2 BACKUP {name.upper()} {'ONLINE' if online else 'OFFLINE'}",
            f" Start Time: {entry['stamp']}",
            f"   End Time: {entry['stamp']}",
            "     Status: A",
            rule,
            f"  EID: {number} Location: {entry['location']}",
        ]
    return "\n".join([*lines, ""])


def snapshot(database: Database, described: dict[str, Any], now: float) -> str:
    """Return GET SNAPSHOT FOR DATABASE.  Raises Refused when the database is inactive."""
    if not database.active:
        raise Refused("SQL1611W")
    hadr = described["hadr"]
    lines = [
        "",
        "              Database Snapshot",
        "",
        f"Database name                              = {database.name}",
        f"Database path                              = {database.path}/",
        "Database status                            = Active",
        f"Snapshot timestamp                         = {_stamp(now)}",
        "",
    ]
    if hadr is not None:
        lines += ["HADR Status", *_snapshot_of_hadr(hadr)]
    return "\n".join([*lines, ""])


def _stamp(moment: float) -> str:
    fraction = f"{moment % 1:.6f}"[1:]
    return time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(moment)) + fraction


def _snapshot_of_hadr(hadr: dict[str, Any]) -> list[str]:
    status = "Connected" if hadr["connected"] else "Disconnected"
    pairs = [
        ("Role", hadr["role"].capitalize()),
        ("State", WORDS[hadr["state"]]),
        ("Synchronization mode", hadr["mode"].capitalize()),
        ("Connection status", f"{status}, {_stamp(hadr['connect_time'])}"),
    ]
    if hadr["window"]:
        end = hadr["window_end"]
        shown = f"{_stamp(int(end))} ({int(end)})" if end else "Not applicable"
        pairs += [("Peer window end", shown), ("Peer window (seconds)", hadr["window"])]
    pairs += [
        ("Heartbeats missed", 0),
        ("Local host", hadr["local_host"]),
        ("Local service", hadr["local_service"]),
        ("Remote host", hadr["remote_host"]),
        ("Remote service", hadr["remote_service"]),
        ("Remote instance", hadr["remote_instance"]),
        ("timeout(seconds)", hadr["timeout"]),
    ]
    lines = [f"  {key.ljust(22)} = {value}" for key, value in pairs]
    for who in ("primary", "standby"):
        file, page, position = hadr[f"{who}_log"]
        label = f"{who.capitalize()} log position(file, page, LSN)"
        lines.append(f"  {label} = {file}, {page}, {position:016X}")
    return [*lines, f"  Log gap running average(bytes) = {hadr['gap']}"]


def table(columns: list[str], rows: list[list[Any]], *, bare: bool) -> str:
    """Return the rows of a SELECT; `bare` is db2's option -x."""
    cells = [["-" if value is None else str(value) for value in row] for row in rows]
    widths = [
        max([len(name), *(len(row[index]) for row in cells)]) for index, name in enumerate(columns)
    ]
    lines = [" ".join(v.ljust(w) for v, w in zip(row, widths)) for row in cells]
    if bare:
        return "\n".join(lines)
    head = " ".join(name.upper().ljust(width) for name, width in zip(columns, widths))
    rule = " ".join("-" * width for width in widths)
    return "\n".join(["", head, rule, *lines, "", f"  {len(rows)} record(s) selected.", ""])

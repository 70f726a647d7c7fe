"""What one node has of the pair: asked of the node itself, so that a set-up can go on anywhere."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.configuration import BACKUP_PENDING, ROLLFORWARD_PENDING
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.database.db2.introduction import parse_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.database.db2.configuration import Configuration
    from xcat_hamn.database.db2.hadr import Hadr
    from xcat_hamn.database.db2.setup.machine import Machine

#: LIST DB DIRECTORY of an instance without one; GET DB CFG of a database that is not there.
_NO_DIRECTORY = ("SQL1031N", "SQL1057W")
_NO_DATABASE = "SQL1013N"
#: xcatd's processes call themselves "xcatd: SSL listener", "xcatd SSL: tabdump", ...
_XCATD = "^xcatd([: ]|$)"


class Image(NamedTuple):
    """A backup in a folder: its file, size in bytes, and when it was written (epoch)."""

    name: str
    size: int
    modified: float

    @property
    def stamp(self) -> str:
        """Return the timestamp that BACKUP gave it."""
        return self.name.split(".")[-2]


@dataclass
class Facts:
    """One node: ``up``, the instance runs; ``exists``, it has the database.

    ``condition`` and ``found`` are those of ``Instance.look``.  ``configuration`` is None while
    it cannot be asked.  ``services``: name -> TCP port.  ``alternate``: host and port that clients
    are told.  ``client_port``: empty when the instance does not listen.  ``backups``: timestamps
    of the whole, successful ones in the database's history.  ``ahead``: seconds that its clock is
    ahead of ours.
    """

    up: bool = False
    exists: bool = False
    condition: str = INSTANCE_DOWN
    found: Hadr | None = None
    configuration: Configuration | None = None
    services: Mapping[str, int] = field(default_factory=dict)
    alternate: tuple[str, str] = ("", "")
    client_port: str = ""
    autostart: bool = False
    xcatd: bool = False
    images: Sequence[Image] = ()
    backups: Sequence[str] = ()
    release: tuple[int, ...] = ()
    ahead: float = 0.0

    @property
    def role(self) -> str:
        """Return PRIMARY, STANDBY or STANDARD, empty while it is not known."""
        return self.configuration.role if self.configuration is not None else ""

    @property
    def active(self) -> bool:
        """Tell whether the database is active."""
        return self.condition in (hadr.ACTIVE, hadr.NOT_HADR)

    @property
    def restored(self) -> bool:
        """Tell whether it waits for logs, as only a restored database and a former standby do."""
        return self._is_pending(ROLLFORWARD_PENDING)

    @property
    def wants_backup(self) -> bool:
        """Tell whether Db2 refuses its clients until a backup was taken."""
        return self._is_pending(BACKUP_PENDING)

    def _is_pending(self, line: str) -> bool:
        return self.configuration is not None and self.configuration.is_set(line)


def look(machine: Machine, folder: str) -> Facts:
    """Look at a node; ``folder`` is that of the backups.  Raises HamnError."""
    facts = Facts()
    facts.condition, facts.found = machine.instance.look()
    facts.up = facts.condition != INSTANCE_DOWN
    services = machine.run(["cat", "/etc/services"]).require("read /etc/services").stdout
    facts.services = parse_services(services)
    database = machine.instance.database
    entry = directory_entry(machine.db2("LIST DB DIRECTORY", accept=_NO_DIRECTORY), database)
    facts.exists = entry is not None
    facts.alternate = (
        (entry or {}).get("Alternate server hostname", ""),
        (entry or {}).get("Alternate server port number", ""),
    )
    facts.autostart = machine.owner(["db2set", "DB2AUTOSTART"]).stdout.strip().upper() == "YES"
    facts.client_port = _client_port(machine.db2("GET DBM CFG"), facts.services)
    facts.release = parse_release(machine.owner(["db2level"]).stdout)
    facts.xcatd = machine.run(["pgrep", _XCATD]).ok
    facts.images = _images(machine, folder, database)
    facts.ahead = _ahead(machine)
    if facts.up and facts.exists:
        _ask_database(machine, facts)
    return facts


def _ask_database(machine: Machine, facts: Facts) -> None:
    try:
        facts.configuration = machine.instance.configuration()
    except CommandRefused as refused:
        if refused.code != _NO_DATABASE:
            raise
        facts.exists = False
        return
    database = machine.instance.database
    # Without the history no image counts as one to go on with, and a new backup is taken.
    with contextlib.suppress(CommandRefused):
        facts.backups = parse_history(machine.db2(f"LIST HISTORY BACKUP ALL FOR {database}"))


def _images(machine: Machine, folder: str, database: str) -> list[Image]:
    pattern = f"{database.upper()}.0.{machine.instance.name}.*.001"
    shown = ["-maxdepth", "1", "-type", "f", "-name", pattern, "-printf", "%f %s %T@\\n"]
    found = []
    for line in machine.run(["find", folder, *shown]).stdout.splitlines():
        name, size, modified = line.split()
        found.append(Image(name, int(size), float(modified)))
    return sorted(found, key=lambda image: image.stamp)


def _ahead(machine: Machine) -> float:
    before = time.time()
    there = hadr.number_of(machine.run(["date", "+%s"]).stdout)
    after = time.time()
    if there is None or before - 1 <= there <= after:
        return 0.0
    return there - after if there > after else there + 1 - before


def parse_services(text: str) -> dict[str, int]:
    """Return name -> port of the TCP services in the text of /etc/services, aliases too."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        port, _, protocol = words[1].partition("/")
        if protocol == "tcp" and port.isdecimal():
            for name in (words[0], *words[2:]):
                found.setdefault(name, int(port))
    return found


def directory_entry(text: str, database: str) -> dict[str, str] | None:
    """Return the entry of a database in LIST DB DIRECTORY, None without one."""
    entry: dict[str, str] = {}
    for line in [*text.splitlines(), "Database 0 entry:"]:
        if line.strip().startswith("Database ") and line.rstrip().endswith("entry:"):
            # A remote entry (a catalogued node) is somebody else's database.
            if (
                entry.get("Database alias", "").upper() == database.upper()
                and entry.get("Directory entry type") != "Remote"
            ):
                return entry
            entry = {}
        key, equals, value = line.partition(" =")
        if equals:
            entry[" ".join(key.split())] = value.strip()
    return None


def _client_port(text: str, services: Mapping[str, int]) -> str:
    """Return the port of SVCENAME, empty when it is not set or means nothing."""
    for line in text.splitlines():
        label, equals, value = line.partition(" =")
        if equals and label.rstrip().endswith("(SVCENAME)"):
            word = value.strip()
            return word if word.isdecimal() else str(services.get(word, ""))
    return ""


def parse_history(text: str) -> list[str]:
    """Return the timestamps of whole backups that succeeded, from LIST HISTORY BACKUP.

    An entry begins with a line ``B  D  20100805161232001   F    D ...`` (operation, object,
    timestamp and sequence, type: F offline, N online) and says ``Status: A`` further down; one
    that failed ends with an SQLCA whose sqlcode is negative.
    """
    found: list[str] = []
    stamp, good = "", False
    for line in [*text.splitlines(), "B D end end"]:
        words = line.split()
        if words[:2] == ["B", "D"] and len(words) > 3:
            if stamp and good:
                found.append(stamp)
            whole = len(words[2]) == 17 and words[3] in ("F", "N")
            stamp, good = (words[2][:14] if whole else ""), False
        elif words[:1] == ["Status:"]:
            good = words[1:] == ["A"]
        elif "sqlcode" in line.lower():
            good = good and not line.lower().partition("sqlcode")[2].lstrip(": ").startswith("-")
    return found

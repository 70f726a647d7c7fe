"""``db2 get db cfg for NAME``: what a database is configured to be.

It is answered by a database that is not active too, and so tells the role of a stopped one.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.errors import CommandFailed

ROLE = "HADR database role"
ROLLFORWARD_PENDING = "Rollforward pending"
BACKUP_PENDING = "Backup pending"

#: Log archiving that keeps logs; LOGRETAIN was its name until 9.7.
_OFF = ("", "OFF", "NO")


class Configuration:
    """The lines of one database's configuration.

    Parameters by their names in capitals (``HADR_TIMEOUT``); lines that have none, by their text
    (``HADR database role``).  A value that will only be used after the next activation is the
    ``pending`` one; it is printed by SHOW DETAIL alone.
    """

    __slots__ = ("_pending", "_values")

    def __init__(self, values: dict[str, str], pending: dict[str, str]) -> None:
        self._values = values
        self._pending = pending

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return the value as printed, empty when there is none."""
        return self._values.get(name, "")

    def number(self, name: str) -> int | None:
        """Return a number, also that of ``AUTOMATIC(52000)``; None when it is not one."""
        value = self.text(name)
        _, opened, inner = value.partition("(")
        return hadr.number_of(inner.partition(")")[0] if opened else value)

    def is_set(self, name: str) -> bool:
        """Tell whether a switch is on: anything but OFF, NO and nothing."""
        return self.text(name).upper() not in _OFF

    def pending(self) -> dict[str, str]:
        """Return the values on disk that differ from those in use, when SHOW DETAIL was asked."""
        return {
            name: value
            for name, value in self._pending.items()
            if value.replace(" ", "") != self.text(name).replace(" ", "")
        }

    @property
    def role(self) -> str:
        """Return PRIMARY, STANDBY, STANDARD, or what else is printed."""
        return hadr.normal(self.text(ROLE), (hadr.PRIMARY, hadr.STANDBY, hadr.STANDARD))

    @property
    def archives_logs(self) -> bool:
        """Tell whether logs are kept, which HADR demands (SQL1768N reason 1)."""
        return any(self.is_set(name) for name in ("LOGARCHMETH1", "LOGRETAIN", "USEREXIT"))

    @property
    def targets(self) -> list[tuple[str, str]]:
        """Return (host, service) of HADR_TARGET_LIST; the first is the principal standby."""
        found = []
        for target in self.text("HADR_TARGET_LIST").replace("{", "").replace("}", "").split("|"):
            host, _, service = target.strip().rpartition(":")
            if host:
                found.append((host.strip(), service.strip()))
        return found


def parse_db_cfg(text: str) -> Configuration:
    """Return the configuration; raises CommandFailed when ``text`` is none."""
    values: dict[str, str] = {}
    pending: dict[str, str] = {}
    detailed = False
    for line in text.splitlines():
        if "Current Value" in line and "Delayed Value" in line:
            detailed = True
        description, equals, value = line.partition(" =")
        if not equals:
            continue
        name = _name(description)
        if not name or name in values:
            continue
        value = value.strip()
        if detailed:
            value, _, later = value.partition("  ")
            if later.strip():
                pending[name] = later.strip()
        values[name] = value
    if ROLE not in values:
        raise CommandFailed(
            "`db2 get db cfg` printed no configuration of a database: run it by hand as the "
            "instance owner"
        )
    return Configuration(values, pending)


def _name(description: str) -> str:
    """Return the parameter in the last parentheses, else the words themselves."""
    description = description.rstrip()
    if description.endswith(")"):
        name = description.rpartition("(")[2][:-1]
        if name.isupper() and name.isidentifier():
            return name
    return " ".join(description.split())

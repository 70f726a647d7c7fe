"""What is to be done on a side for a step, as actions."""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.setup import actions
from xcat_hamn.database.db2.setup.actions import Append, Db2, Program
from xcat_hamn.database.db2.setup.conditions import missing_services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.database.db2.setup.actions import Action
    from xcat_hamn.database.db2.setup.pair import Pair, Side

#: Seconds of START HADR beyond HADR_TIMEOUT.
_START = 120.0
_TIMESTAMP = "TIMESTAMP"


def update(pair: Pair, wanted: dict[str, str]) -> list[Action]:
    """Set parameters of a database."""
    words = " ".join(f"{name} {value}" for name, value in wanted.items())
    return [Db2(f"UPDATE DB CFG FOR {pair.database} USING {words}")]


def backup(pair: Pair, side: Side) -> list[Action]:
    """Back the primary up: online where it serves, so that it goes on."""
    folder = pair.folder(side)
    name, how = pair.database, ""
    if pair.online:
        name, how = f"{name} ONLINE", " INCLUDE LOGS"
    return [
        Program(["mkdir", "-p", "-m", "0750", folder]),
        actions.Utility(f"BACKUP DB {name} TO {folder}{how}"),
    ]


def copy(pair: Pair, side: Side) -> list[Action]:
    """Copy the primary's image to a side."""
    image, folder = pair.image(), pair.folder(side)
    name = image.name if image else f"{pair.database}.0.{pair.instance}.DBPART000.{_TIMESTAMP}.001"
    return [
        Program(["mkdir", "-p", "-m", "0750", folder]),
        actions.Copy(
            pair.primary.machine, side.machine, f"{pair.folder(pair.primary)}/{name}", folder
        ),
    ]


def restore(pair: Pair, side: Side) -> list[Action]:
    """Restore the image; a database that is in HADR leaves it first."""
    image = pair.image()
    stamp, size = (image.stamp, image.size) if image else (_TIMESTAMP, 0)
    restore = actions.Utility(
        f"RESTORE DATABASE {pair.database} FROM {pair.folder(side)} TAKEN AT {stamp} "
        "REPLACE HISTORY FILE WITHOUT PROMPTING",
        total=size,
    )
    if side.facts.role in (hadr.PRIMARY, hadr.STANDBY):
        return [Db2(f"STOP HADR ON DATABASE {pair.database}"), restore]
    return [restore]


def services(pair: Pair, side: Side) -> list[Action]:
    """Add what /etc/services lacks."""
    lines = [f"{name}\t{port}/tcp" for name, port in missing_services(pair, side)]
    return [Append("/etc/services", lines)]


def alternate(pair: Pair, side: Side) -> list[Action]:
    """Tell clients of a side where the other database is."""
    other = pair.other(side)
    return [
        Db2(
            f"UPDATE ALTERNATE SERVER FOR DATABASE {pair.database} USING HOSTNAME "
            f"{other.machine.address} PORT {side.facts.client_port}"
        )
    ]


def start(role: str) -> Callable[[Pair, Side], Sequence[Action]]:
    """Return what starts HADR in ``role``, or the database that has that role already."""

    def begin(pair: Pair, side: Side) -> list[Action]:
        seconds = pair.values.timeout + _START
        if side.facts.role == role:
            return [Db2(f"ACTIVATE DATABASE {pair.database}", seconds)]
        return [Db2(f"START HADR ON DATABASE {pair.database} AS {role}", seconds)]

    return begin

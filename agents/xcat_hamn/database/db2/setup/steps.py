"""The steps of requirement 5.1.1 to 5.1.7, declared once.

A declaration gives what a dry run prints, what is executed, how one sees that it has been done
(before, and as the proof afterwards), and how it is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.setup import actions, values
from xcat_hamn.database.db2.setup.actions import Action, Append, Db2, Program
from xcat_hamn.database.db2.setup.pair import Pair, Side

#: Seconds until clients that come back are given up on; of START HADR beyond HADR_TIMEOUT.
_DISCONNECT, _START = 120.0, 120.0
_TIMESTAMP = "TIMESTAMP"


@dataclass(frozen=True)
class Step:
    """One step on one side or on both.

    ``title`` and ``undo`` may name {node} and {database}.  ``sides``: in this order.
    ``offline``: the database must be deactivated for it.
    """

    key: str
    chapter: str
    title: str
    sides: tuple[str, ...]
    done: Callable[[Pair, Side], bool]
    actions: Callable[[Pair, Side], Sequence[Action]]
    undo: str
    offline: bool = False

    def on(self, pair: Pair) -> list[Side]:
        """Return the sides of ``pair`` that it is for."""
        return [getattr(pair, side) for side in self.sides]

    def text(self, pair: Pair, side: Side) -> str:
        """Return the title for a side."""
        return self.title.format(node=side.name, database=pair.database)


PRIMARY, STANDBY = "primary", "standby"
BOTH = (PRIMARY, STANDBY)


# -- is it done? ---------------------------------------------------------------------------------


def seeded(pair: Pair, side: Side) -> bool:
    """Tell whether a side has what a standby begins from."""
    facts = side.facts
    if pair.options.restore and not pair.renewed:
        return False
    return facts.exists and (facts.role == hadr.STANDBY or facts.restored)


def must_rest(pair: Pair, side: Side) -> bool:
    """Tell whether something is still to be done for which a side's database must be inactive."""
    return any(
        step.offline
        and side in step.on(pair)
        and not step.done(pair, side)
        and not (step.key == "backup" and pair.online)
        for step in STEPS
    )


def _disconnected(pair: Pair, side: Side) -> bool:
    return not side.facts.active or not must_rest(pair, side)


def _xcatd_stopped(pair: Pair, side: Side) -> bool:
    # Its clients are on both nodes, and come back by themselves.
    return not side.facts.xcatd or not any(must_rest(pair, one) for one in pair.sides)


def _recoverable(pair: Pair, side: Side) -> bool:  # noqa: ARG001
    return side.facts.exists and not values.for_recovery(side.facts.configuration)


def _backed_up(pair: Pair, side: Side) -> bool:
    if side.facts.wants_backup or not _recoverable(pair, side):
        return False
    return seeded(pair, pair.standby) or pair.image() is not None


def _copied(pair: Pair, side: Side) -> bool:
    image = pair.image()
    if seeded(pair, side):
        return True
    return image is not None and any(
        (one.name, one.size, int(one.modified)) == (image.name, image.size, int(image.modified))
        for one in side.facts.images
    )


def _has_services(pair: Pair, side: Side) -> bool:
    return not _missing_services(pair, side)


def _has_parameters(pair: Pair, side: Side) -> bool:
    return side.facts.exists and not pair.hadr_parameters(side)


def _has_alternate(pair: Pair, side: Side) -> bool:
    host, port = side.facts.alternate
    wanted = pair.other(side)
    return not side.facts.client_port or (
        (host, port) == (wanted.machine.address, side.facts.client_port)
    )


def _runs_as(role: str) -> Callable[[Pair, Side], bool]:
    def runs(pair: Pair, side: Side) -> bool:  # noqa: ARG001
        return side.facts.role == role and side.facts.condition == hadr.ACTIVE

    return runs


# -- what to do ----------------------------------------------------------------------------------


def _update(pair: Pair, wanted: dict[str, str]) -> list[Action]:
    words = " ".join(f"{name} {value}" for name, value in wanted.items())
    return [Db2(f"UPDATE DB CFG FOR {pair.database} USING {words}")]


def _backup(pair: Pair, side: Side) -> list[Action]:
    folder = pair.folder(side)
    name, how = pair.database, ""
    if pair.online and not must_rest(pair, side):
        name, how = f"{name} ONLINE", " INCLUDE LOGS"
    return [
        Program(["mkdir", "-p", "-m", "0750", folder]),
        actions.Utility(f"BACKUP DB {name} TO {folder}{how}"),
    ]


def _copy(pair: Pair, side: Side) -> list[Action]:
    image, folder = pair.image(), pair.folder(side)
    name = image.name if image else f"{pair.database}.0.{pair.instance}.DBPART000.{_TIMESTAMP}.001"
    return [
        Program(["mkdir", "-p", "-m", "0750", folder]),
        actions.Copy(pair.primary.machine, side.machine, f"{folder}/{name}"),
    ]


def _restore(pair: Pair, side: Side) -> list[Action]:
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


def _missing_services(pair: Pair, side: Side) -> list[tuple[str, int]]:
    return [
        (one.service, one.port)
        for one in pair.sides
        if side.facts.services.get(one.service) != one.port and not one.service.isdecimal()
    ]


def _services(pair: Pair, side: Side) -> list[Action]:
    lines = [f"{name}\t{port}/tcp" for name, port in _missing_services(pair, side)]
    return [Append("/etc/services", lines)]


def _alternate(pair: Pair, side: Side) -> list[Action]:
    other = pair.other(side)
    return [
        Db2(
            f"UPDATE ALTERNATE SERVER FOR DATABASE {pair.database} USING HOSTNAME "
            f"{other.machine.address} PORT {side.facts.client_port}"
        )
    ]


def _start(role: str) -> Callable[[Pair, Side], Sequence[Action]]:
    def start(pair: Pair, side: Side) -> list[Action]:
        seconds = pair.values.timeout + _START
        if side.facts.role == role:
            return [Db2(f"ACTIVATE DATABASE {pair.database}", seconds)]
        return [Db2(f"START HADR ON DATABASE {pair.database} AS {role}", seconds)]

    return start


_PARAMETERS = "db2 UPDATE DB CFG FOR {database} USING NAME VALUE, with the values of before"
_STOP_HADR = "db2 DEACTIVATE DATABASE {database}, db2 STOP HADR ON DATABASE {database}"

STEPS = (
    Step(
        "instance",
        "5.1",
        "start the Db2 instance on {node}",
        BOTH,
        lambda _, side: side.facts.up,
        lambda *_: [actions.StartInstance()],
        "db2stop",
    ),
    Step(
        "boot",
        "5.1",
        "leave the start of the instance on {node} to the cluster",
        BOTH,
        lambda _, side: not side.facts.autostart,
        lambda pair, _: [Program(["db2iauto", "-off", pair.instance])],
        "db2iauto -on INSTANCE",
    ),
    Step(
        "xcatd",
        "5.1.1",
        "stop xcatd on {node}",
        BOTH,
        _xcatd_stopped,
        lambda *_: [Program(["systemctl", "stop", "xcatd"], as_root=True)],
        "systemctl start xcatd",
    ),
    Step(
        "clients",
        "5.1.1",
        "disconnect all clients on {node} and deactivate {database}",
        BOTH,
        _disconnected,
        lambda pair, _: [actions.Deactivate(pair.database, _DISCONNECT)],
        "db2 ACTIVATE DATABASE {database}",
    ),
    Step(
        "recovery",
        "5.1.2",
        "let {database} on {node} keep its logs, and log all that a standby needs",
        (PRIMARY,),
        _recoverable,
        lambda pair, side: _update(pair, values.for_recovery(side.facts.configuration)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "backup",
        "5.1.3",
        "back {database} up on {node}",
        (PRIMARY,),
        _backed_up,
        _backup,
        "remove the image from the folder",
        offline=True,
    ),
    Step(
        "copy",
        "5.1.4",
        "copy the backup to {node}",
        (STANDBY,),
        _copied,
        _copy,
        "remove the image from the folder",
    ),
    Step(
        "restore",
        "5.1.4",
        "restore {database} on {node}",
        (STANDBY,),
        seeded,
        _restore,
        "none: what {node} had before is replaced",
        offline=True,
    ),
    Step(
        "recovery-standby",
        "5.1.2",
        "let {database} on {node} keep its logs, too",
        (STANDBY,),
        _recoverable,
        lambda pair, side: _update(pair, values.for_recovery(side.facts.configuration)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "services",
        "5.1.5",
        "name the HADR ports in /etc/services of {node}",
        BOTH,
        _has_services,
        _services,
        "remove the lines from /etc/services",
    ),
    Step(
        "alternate",
        "5.1.6",
        "tell clients of {node} where the other database is",
        BOTH,
        _has_alternate,
        _alternate,
        "db2 UPDATE ALTERNATE SERVER with the values of before",
    ),
    Step(
        "parameters",
        "5.1.6",
        "set the HADR parameters on {node}",
        BOTH,
        _has_parameters,
        lambda pair, side: _update(pair, pair.hadr_parameters(side)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "start-standby",
        "5.1.7",
        "start HADR on {node} as the standby",
        (STANDBY,),
        _runs_as(hadr.STANDBY),
        _start(hadr.STANDBY),
        _STOP_HADR,
    ),
    Step(
        "start-primary",
        "5.1.7",
        "start HADR on {node} as the primary",
        (PRIMARY,),
        _runs_as(hadr.PRIMARY),
        _start(hadr.PRIMARY),
        _STOP_HADR,
    ),
)
#: Those that must have run before anything else can be asked of the databases.
FIRST = STEPS[:1]

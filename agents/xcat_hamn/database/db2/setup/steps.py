"""The steps of requirement 5.1.1 to 5.1.7, declared once.

A declaration gives what a dry run prints, what is executed, how one sees that it has been done
(before, and as the proof afterwards), and how it is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.setup import actions, conditions, orders, values
from xcat_hamn.database.db2.setup.actions import Action, Program
from xcat_hamn.database.db2.setup.pair import Pair, Side

#: Seconds until clients that come back are given up on.
_DISCONNECT = 120.0


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
    # A standby takes no clients, so what is done there leaves the primary's alone.
    needed = must_rest(pair, side) or must_rest(pair, pair.primary)
    return not side.facts.xcatd or not needed


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
        conditions.recoverable,
        lambda pair, side: orders.update(pair, values.for_recovery(side.facts.configuration)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "backup",
        "5.1.3",
        "back {database} up on {node}",
        (PRIMARY,),
        conditions.backed_up,
        orders.backup,
        "remove the image from the folder",
        offline=True,
    ),
    Step(
        "copy",
        "5.1.4",
        "copy the backup to {node}",
        (STANDBY,),
        conditions.copied,
        orders.copy,
        "remove the image from the folder",
    ),
    Step(
        "restore",
        "5.1.4",
        "restore {database} on {node}",
        (STANDBY,),
        conditions.seeded,
        orders.restore,
        "none: what {node} had before is replaced",
        offline=True,
    ),
    Step(
        "recovery-standby",
        "5.1.2",
        "let {database} on {node} keep its logs, too",
        (STANDBY,),
        conditions.recoverable,
        lambda pair, side: orders.update(pair, values.for_recovery(side.facts.configuration)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "services",
        "5.1.5",
        "name the HADR ports in /etc/services of {node}",
        BOTH,
        conditions.has_services,
        orders.services,
        "remove the lines from /etc/services",
    ),
    Step(
        "alternate",
        "5.1.6",
        "tell clients of {node} where the other database is",
        BOTH,
        conditions.has_alternate,
        orders.alternate,
        "db2 UPDATE ALTERNATE SERVER with the values of before",
    ),
    Step(
        "parameters",
        "5.1.6",
        "set the HADR parameters on {node}",
        BOTH,
        conditions.has_parameters,
        lambda pair, side: orders.update(pair, pair.hadr_parameters(side)),
        _PARAMETERS,
        offline=True,
    ),
    Step(
        "start-standby",
        "5.1.7",
        "start HADR on {node} as the standby",
        (STANDBY,),
        conditions.runs_as(hadr.STANDBY),
        orders.start(hadr.STANDBY),
        _STOP_HADR,
    ),
    Step(
        "start-primary",
        "5.1.7",
        "start HADR on {node} as the primary",
        (PRIMARY,),
        conditions.runs_as(hadr.PRIMARY),
        orders.start(hadr.PRIMARY),
        _STOP_HADR,
    ),
)
#: Those that must have run before anything else can be asked of the databases.
FIRST = STEPS[:1]

"""Whether the two databases are the pair that they should be: requirement 5.1.8.

START HADR can say success and the pair be wrong all the same, so Role, State and ConnectStatus of
both are looked at, and for what is wrong the reason that shows.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr, pairing
from xcat_hamn.database.db2.window import CLOCK_MARGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from xcat_hamn.database.db2.setup.pair import Pair, Side

#: Seconds until a dead primary is noticed and fenced, where nobody is asked first.
_NEEDED = 60
_ANEW = "run `xcat-hamn setup database --restore`, which restores it from a new backup"
#: State of a side -> what it means when it stays, and what to do.
_STATES = {
    hadr.LOCAL_CATCHUP: "replays logs of its own: wait",
    hadr.REMOTE_CATCHUP_PENDING: "does not get any logs: see that the HADR ports pass between the "
    "nodes (a firewall), and look at db2diag.log on both",
    hadr.REMOTE_CATCHUP: "is still catching up: wait, and run this again",
    hadr.DISCONNECTED: "has no connection to its standby: see that the HADR ports pass between the "
    "nodes (a firewall), and look at db2diag.log on both",
    hadr.DISCONNECTED_PEER: "has just lost its partner: see that the other database is active",
}


def in_peer(pair: Pair) -> bool:
    """Tell whether Role, State and ConnectStatus are right on both sides."""
    return not any(list(_wrong(side, role)) for side, role in _sides(pair))


def problems(pair: Pair) -> list[str]:
    """Return one sentence for everything that keeps the two from being a pair in PEER."""
    found = [sentence for side, role in _sides(pair) for sentence in _wrong(side, role)]
    return [*found, *_mismatches(pair), *_in_force(pair)]


def reasons(pair: Pair) -> list[str]:
    """Return what may have kept a start of HADR from its success."""
    ended = pair.standby.facts.role == hadr.STANDBY and pair.standby.facts.found is None
    found = [_inactive(pair.standby, hadr.STANDBY)] if ended else []
    return [*found, *_mismatches(pair)]


def _mismatches(pair: Pair) -> list[str]:
    one, other = pair.primary.facts.configuration, pair.standby.facts.configuration
    if one is None or other is None:
        return []
    names = (pair.primary.name, pair.standby.name)
    return pairing.mismatches(one, other, names, _same_host, pair.same_service)


def warnings(pair: Pair) -> list[str]:
    """Return one sentence for each setting with which a dead primary costs more than it must."""
    found = []
    if pair.primary.facts.configuration is not None:
        found = pairing.warnings(pair.primary.facts.configuration, _NEEDED)
    apart = abs(pair.sides[0].facts.ahead - pair.sides[1].facts.ahead)
    if apart > CLOCK_MARGIN:
        found.append(
            f"the clocks of {pair.sides[0].name} and {pair.sides[1].name} differ by {apart:.0f} s, "
            f"and the peer window allows for {CLOCK_MARGIN}: synchronize them (requirement 4.0)"
        )
    for side in pair.sides:
        facts = side.facts
        if facts.exists and not facts.client_port:
            found.append(
                f"the instance on {side.name} does not listen for clients (SVCENAME), so none is "
                "told of the other database: set it with `db2 update dbm cfg` if service nodes "
                "use this database"
            )
    return found


def _same_host(one: str, other: str) -> bool:
    from xcat_hamn.database.db2.setup.pair import same_host

    return same_host(one, other)


def _sides(pair: Pair) -> tuple[tuple[Side, str], ...]:
    return ((pair.primary, hadr.PRIMARY), (pair.standby, hadr.STANDBY))


def _wrong(side: Side, role: str) -> Iterator[str]:
    found, name = side.facts.found, side.name
    if found is None:
        yield _inactive(side, role)
        return
    if found.role != role:
        yield (
            f"Role is {found.role or 'not printed'} on {name}, and should be {role}: look at "
            "`db2pd -hadr` on both nodes"
        )
    elif found.state != hadr.PEER:
        advice = _STATES.get(found.state, "is in a state that is not known here: see db2diag.log")
        yield (
            f"State is {found.state or 'not printed'} on {name}, and should be PEER: the database "
            f"there {advice}"
        )
    elif not found.attached:
        yield (
            f"ConnectStatus is {found.connect or 'not printed'} on {name}, and should be "
            "CONNECTED: look at the network between the nodes"
        )


def _inactive(side: Side, role: str) -> str:
    if not side.facts.up:
        return f"the instance on {side.name} does not run: start it with db2start as its owner"
    if role == hadr.STANDBY and side.facts.role == hadr.STANDBY:
        return (
            f"the standby on {side.name} has ended after START HADR said success, so its log does "
            "not fit the primary's (ADM12500E in db2diag.log) or a parameter does not (ADM12513E): "
            f"{_ANEW}"
        )
    if side.facts.restored:
        return (
            f"the database on {side.name} waits for logs (SQL1117N), as it does after a restore or "
            "STOP HADR: start it with START HADR AS STANDBY; do not end its rollforward, or it "
            "must be restored again"
        )
    return f"HADR is not active on {side.name}: look at db2diag.log there, then run this again"


def _in_force(pair: Pair) -> Iterator[str]:
    """Yield what a database was started with and is configured otherwise since."""
    for side in pair.sides:
        found, configured = side.facts.found, side.facts.configuration
        if found is None or configured is None:
            continue
        for name, value in (
            ("HADR_TIMEOUT", found.timeout),
            ("HADR_PEER_WINDOW", found.peer_window),
        ):
            wanted = configured.number(name)
            if value is not None and wanted is not None and value != wanted:
                yield (
                    f"{name} is {value} in the running database on {side.name}, and configured as "
                    f"{wanted}: deactivate and activate it"
                )

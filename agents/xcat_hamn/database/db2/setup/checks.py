"""What can never work, found before anything is changed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from xcat_hamn.database.db2.setup.pair import Pair, Side


def problems(pair: Pair) -> Iterator[str]:
    """Yield one sentence for everything that keeps the set-up from beginning."""
    primary, standby = pair.primary, pair.standby
    if not primary.facts.exists:
        yield (
            f"there is no database {pair.database} on {primary.name}: create it first (xCAT's "
            "db2sqlsetup), or name the node that has it with --primary"
        )
    if primary.facts.restored:
        yield (
            f"{pair.database} on {primary.name} waits for logs (SQL1117N), as one that was "
            "restored or has left HADR as a standby does, so it cannot be the primary: run this "
            "where the other copy is; if it is the only one, end its rollforward (`db2 ROLLFORWARD "
            f"DATABASE {pair.database} TO END OF LOGS AND COMPLETE`) first"
        )
    if standby.facts.release and standby.facts.release < primary.facts.release:
        yield (
            f"{standby.name} has Db2 {_dotted(standby)}, older than {_dotted(primary)} of "
            f"{primary.name}, and a standby must not be older: install the same fix pack there"
        )
    for side in pair.sides:
        yield from _ports(pair, side)


def _dotted(side: Side) -> str:
    return ".".join(str(number) for number in side.facts.release)


def _ports(pair: Pair, side: Side) -> Iterator[str]:
    services = side.facts.services
    instance = pair.instance
    first, last = services.get(f"DB2_{instance}"), services.get(f"DB2_{instance}_END")
    for one in pair.sides:
        where = f"/etc/services of {side.name}"
        if services.get(one.service, one.port) != one.port:
            yield (
                f"{one.service} has port {services[one.service]} in {where}, and {one.port} is "
                "meant: make it the same on both nodes, or remove the line"
            )
        others = [n for n, port in services.items() if port == one.port and n != one.service]
        if others and not one.service.isdecimal():
            yield (
                f"port {one.port}, which {one.service} is to have, belongs to {others[0]} in "
                f"{where}: give that one another port"
            )
        if first and last and first <= one.port <= last:
            yield (
                f"port {one.port} of {one.service} is one of the instance's own communication "
                f"(DB2_{instance} to DB2_{instance}_END) in {where}: give these others (SQL1768N "
                "reason 22)"
            )

"""Whether a step has been done: read from the nodes alone."""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.setup import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.database.db2.setup.pair import Pair, Side


def seeded(pair: Pair, side: Side) -> bool:
    """Tell whether a side has what a standby begins from."""
    facts = side.facts
    if pair.options.restore and not pair.renewed:
        return False
    return facts.exists and (facts.role == hadr.STANDBY or facts.restored)


def recoverable(pair: Pair, side: Side) -> bool:  # noqa: ARG001
    """Tell whether a database has the parameters of requirement 5.1.2."""
    return side.facts.exists and not values.for_recovery(side.facts.configuration)


def backed_up(pair: Pair, side: Side) -> bool:
    """Tell whether the primary has a backup to go on with, or none is needed."""
    if side.facts.wants_backup or not recoverable(pair, side):
        return False
    return seeded(pair, pair.standby) or pair.image() is not None


def copied(pair: Pair, side: Side) -> bool:
    """Tell whether a side has the primary's image, whole, or needs none."""
    image = pair.image()
    if seeded(pair, side):
        return True
    return image is not None and any(
        (one.name, one.size, int(one.modified)) == (image.name, image.size, int(image.modified))
        for one in side.facts.images
    )


def missing_services(pair: Pair, side: Side) -> list[tuple[str, int]]:
    """Return the services, with their ports, that /etc/services of a side lacks."""
    return [
        (one.service, one.port)
        for one in pair.sides
        if side.facts.services.get(one.service) != one.port and not one.service.isdecimal()
    ]


def has_services(pair: Pair, side: Side) -> bool:
    """Tell whether /etc/services names the HADR ports."""
    return not missing_services(pair, side)


def has_parameters(pair: Pair, side: Side) -> bool:
    """Tell whether a database has the HADR parameters."""
    return side.facts.exists and not pair.hadr_parameters(side)


def has_alternate(pair: Pair, side: Side) -> bool:
    """Tell whether clients are told of the other side; nobody is where none can connect."""
    host, port = side.facts.alternate
    wanted = pair.other(side)
    return not side.facts.client_port or (
        (host, port) == (wanted.machine.address, side.facts.client_port)
    )


def runs_as(role: str) -> Callable[[Pair, Side], bool]:
    """Return what tells whether a database is active in ``role``."""

    def runs(pair: Pair, side: Side) -> bool:  # noqa: ARG001
        return side.facts.role == role and side.facts.condition == hadr.ACTIVE

    return runs

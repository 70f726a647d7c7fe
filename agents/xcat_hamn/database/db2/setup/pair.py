"""The two nodes of a set-up: which one has the database, and what either is to be told."""

from __future__ import annotations

import socket
import time

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.setup import values
from xcat_hamn.database.db2.setup.facts import Facts, Image, look
from xcat_hamn.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.database.db2.setup.machine import Machine
    from xcat_hamn.database.db2.setup.values import Options, Values

#: An image that is older than this, in seconds, is not gone on with: a new one is quick, and the
#: standby would have to fetch all that was logged since.
_FRESH = 24 * 3600


class Side:
    """One node, what it has, and its HADR service (name and port)."""

    def __init__(self, machine: Machine, service: tuple[str, int]) -> None:
        self.machine = machine
        self.facts = Facts()
        self.service, self.port = service

    @property
    def name(self) -> str:
        """Return the node's name."""
        return self.machine.name


class Pair:
    """Both sides; ``primary`` is the one whose database the other is to follow."""

    def __init__(self, sides: Sequence[Side], options: Options) -> None:
        """``sides`` in the order of the site file."""
        self.sides = tuple(sides)
        self.options = options
        self.primary = next((side for side in sides if side.machine.here), sides[0])
        #: With ``restore``: the images that were there before, and whether that has been done.
        self.outdated: frozenset[str] = frozenset()
        self.renewed = False

    @property
    def standby(self) -> Side:
        """Return the side that is not the primary."""
        return self.other(self.primary)

    def other(self, side: Side) -> Side:
        """Return the other one."""
        return self.sides[1] if side is self.sides[0] else self.sides[0]

    @property
    def instance(self) -> str:
        """Return the instance's name, the same on both."""
        return self.primary.machine.instance.name

    @property
    def database(self) -> str:
        """Return the database's name in capitals, as Db2 prints it."""
        return self.primary.machine.instance.database.upper()

    def folder(self, side: Side) -> str:
        """Return the folder of the backups on a side: the same path on both."""
        return side.machine.folder(self.options.folder)

    def look(self, *sides: Side) -> None:
        """Look at sides anew, at both when none is given.  Raises HamnError."""
        for side in sides or self.sides:
            side.facts = look(side.machine, self.folder(side))
        self._take_ports()

    def _take_ports(self) -> None:
        """Let the ports stay that /etc/services gives to the services of HADR already."""
        for one in self.sides:
            known = {side.facts.services.get(one.service) for side in self.sides} - {None}
            if len(known) == 1:
                one.port = known.pop() or one.port

    def choose(self) -> None:
        """Settle which side is the primary.  Raises Refused when the databases contradict."""
        self.primary = choose(self.sides, self.options.primary, self.primary)
        if self.options.restore:
            self.outdated = frozenset(image.stamp for image in self.primary.facts.images)

    @property
    def values(self) -> Values:
        """Return what both sides are to have in common."""
        return values.choose(self.primary.facts.configuration, self.options)

    def hadr_parameters(self, side: Side) -> dict[str, str]:
        """Return the HADR parameters of requirement 5.1.6 that a side lacks."""
        other, common = self.other(side), self.values
        wanted = {
            "HADR_LOCAL_HOST": side.machine.address,
            "HADR_LOCAL_SVC": side.service,
            "HADR_REMOTE_HOST": other.machine.address,
            "HADR_REMOTE_SVC": other.service,
            "HADR_REMOTE_INST": self.instance,
            "HADR_SYNCMODE": common.mode,
            "HADR_TIMEOUT": str(common.timeout),
            "HADR_PEER_WINDOW": str(common.window),
        }
        now = side.facts.configuration
        if now is None:
            return wanted
        return {
            name: value
            for name, value in wanted.items()
            if not self._means(name, now.text(name), value)
        }

    def _means(self, name: str, text: str, value: str) -> bool:
        if name.endswith("_HOST"):
            return same_host(text, value)
        if name.endswith("_SVC"):
            return self.same_service(text, value)
        return text.upper() == value.upper()

    def same_service(self, one: str, other: str) -> bool:
        """Tell whether two services, by name or port, are the same port."""
        return self._port(one) == self._port(other)

    def _port(self, service: str) -> str:
        known = {side.service: side.port for side in self.sides}
        for side in self.sides:
            known.update(side.facts.services)
        return str(known.get(service, service))

    @property
    def online(self) -> bool:
        """Tell whether the primary serves as one, so that it is backed up without a pause."""
        facts = self.primary.facts
        return facts.role == hadr.PRIMARY and facts.condition == hadr.ACTIVE

    def image(self) -> Image | None:
        """Return the image of the primary to go on with: recorded, still there, and of today."""
        facts = self.primary.facts
        if facts.wants_backup:
            return None
        now = time.time() + facts.ahead
        usable = [
            image
            for image in facts.images
            if image.stamp in facts.backups
            and image.stamp not in self.outdated
            and now - image.modified < _FRESH
        ]
        return usable[-1] if usable else None


def choose(sides: Sequence[Side], asked: str, here: Side) -> Side:
    """Return the side that is the primary: by roles, else by what is there, else as ``asked``.

    Raises Refused when the databases contradict each other, or ``asked``.
    """
    one, two = sides
    roles = (one.facts.role, two.facts.role)
    if roles[0] == roles[1] and roles[0] in (hadr.PRIMARY, hadr.STANDBY):
        raise Refused(
            f"the databases on {one.name} and {two.name} both have the role {roles[0]}: find out "
            "which one is right (`xcat-hamn explain`, db2pd on both nodes) before anything is done"
        )
    found = _told(one, two)
    if found is None:
        return next((side for side in sides if side.name == asked), here)
    if asked and asked != found.name:
        raise Refused(
            f"{found.name} has the database that {asked} would follow, so {asked} cannot be the "
            "primary now: leave --primary out"
        )
    return found


def _told(one: Side, two: Side) -> Side | None:
    """Return the side that the databases themselves tell to be the primary, if they do."""
    for side, other in ((one, two), (two, one)):
        mine, theirs = side.facts, other.facts
        if mine.role == hadr.PRIMARY or (theirs.role == hadr.STANDBY and mine.exists):
            return side
    for side, other in ((one, two), (two, one)):
        mine, theirs = side.facts, other.facts
        if mine.exists and not mine.restored and (not theirs.exists or theirs.restored):
            return side
    return None


def same_host(one: str, other: str) -> bool:
    """Tell whether two names or addresses mean the same host, as this node resolves them."""
    return one == other or bool(_addresses(one) & _addresses(other))


def _addresses(host: str) -> set[str]:
    if not host:
        return set()
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()

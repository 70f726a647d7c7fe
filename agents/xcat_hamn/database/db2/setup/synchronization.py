"""The test of requirement 5.1.9: what one node writes, the other has after a takeover.

A node is defined on the primary, found and deleted on the standby after a takeover, and gone on the
first after another one.  Plain takeovers: nothing is lost, and a failure leaves a pair.
"""

from __future__ import annotations

from xcat_hamn.database.db2.setup.actions import Db2
from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.database.db2.setup.machine import Machine
    from xcat_hamn.database.db2.setup.pair import Pair, Side
    from xcat_hamn.system.runner import Result

#: The node that is defined for the test, and its group, by which it is known again.
NODE, GROUP = "xcathamntest", "xcat-hamn-test"
#: Seconds: an xCAT command, which otherwise tries a database that is gone for ever.
_COMMAND = 60.0
_TAKEOVER = 120.0

DEFINE = ("/opt/xcat/bin/mkdef", "-f", "-t", "node", "-o", NODE, f"groups={GROUP}", "mgt=ipmi")
SHOW = ("/opt/xcat/bin/lsdef", "-t", "node", "-o", NODE, "-i", "groups")
DELETE = ("/opt/xcat/bin/rmdef", "-t", "node", "-o", NODE)
_DIRECT = ("env", "XCATBYPASS=1", "XCATROOT=/opt/xcat")


class Test:
    """The test on a pair that is in PEER."""

    def __init__(self, pair: Pair, tell: Callable[[str, str], None], settle: Callable[[], None]):
        """``tell`` gets node and command; ``settle`` waits until the pair is in PEER again."""
        self._pair = pair
        self._tell = tell
        self._settle = settle

    def commands(self) -> list[tuple[str, str]]:
        """Return node and command of everything that is done."""
        one, other = self._pair.primary, self._pair.standby
        takeover = Db2(_takeover(self._pair)).shown()
        return [
            (one.name, _shown(DEFINE)),
            (other.name, takeover),
            (other.name, _shown(SHOW)),
            (other.name, _shown(DELETE)),
            (one.name, takeover),
            (one.name, _shown(SHOW)),
        ]

    def run(self) -> None:
        """Go through it.  Raises CommandFailed with what is wrong."""
        one, other = self._pair.primary, self._pair.standby
        self._xcat(one, DEFINE)
        self._take_over(other)
        found = self._xcat(other, SHOW)
        if GROUP not in found.stdout:
            raise CommandFailed(
                f"{NODE}, which was defined on {one.name}, is not complete on {other.name} "
                f"({found.last_line()}): the databases are not in step, so run `xcat-hamn setup "
                "database --restore`"
            )
        self._xcat(other, DELETE)
        self._take_over(one)
        if self._exists(one):
            raise CommandFailed(
                f"{NODE}, which was deleted on {other.name}, is still on {one.name}: the databases "
                "are not in step, so run `xcat-hamn setup database --restore`"
            )

    def _take_over(self, side: Side) -> None:
        command = Db2(_takeover(self._pair), self._pair.values.timeout + _TAKEOVER)
        self._tell(side.name, command.shown())
        side.machine.db2(command.text, command.timeout)
        self._pair.primary = side
        self._settle()

    def _exists(self, side: Side) -> bool:
        self._tell(side.name, _shown(SHOW))
        return GROUP in _call(side.machine, SHOW).stdout

    def _xcat(self, side: Side, argv: Sequence[str]) -> Result:
        self._tell(side.name, _shown(argv))
        return _call(side.machine, argv).require(f"{argv[0]} on {side.name}")


def _call(machine: Machine, argv: Sequence[str]) -> Result:
    return machine.run([*_DIRECT, *argv], _COMMAND)


def _shown(argv: Sequence[str]) -> str:
    return " ".join(["XCATBYPASS=1", *argv])


def _takeover(pair: Pair) -> str:
    return f"TAKEOVER HADR ON DATABASE {pair.database}"


def has_xcat(side: Side) -> bool:
    """Tell whether xCAT's commands are on a node."""
    return side.machine.run(["test", "-x", DEFINE[0]]).ok

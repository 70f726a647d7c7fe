"""One of the two nodes during the set-up: its commands, as root or as the instance's owner."""

from __future__ import annotations

import os
from typing import Protocol

from xcat_hamn.database.db2.instance import Instance
from xcat_hamn.errors import MissingTool
from xcat_hamn.system.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.system.runner import Result, Runner

#: Seconds: a backup, a copy or a restore of a large database may take hours.
LONGEST = 24 * 3600.0
QUICK = 60.0


class Transport(Protocol):
    """How files get to a node and from it: what ``rsync`` is told."""

    def shell(self) -> str:
        """Return the value of rsync's option -e, empty for this node."""

    def place(self, path: str) -> str:
        """Return how rsync calls ``path`` on the node."""


class Here:
    """The node on which we run."""

    def shell(self) -> str:
        """Return no remote shell."""
        return ""

    def place(self, path: str) -> str:
        """Return ``path`` itself."""
        return path


class _Notes:
    """The log of an Instance: what it warns of goes to whoever watches."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.warning = tell

    def info(self, message: str) -> None:
        """Say nothing: the steps tell what they do."""

    trace = info


class _Elsewhere(Instance):
    """An instance of another node, where each command has a parent of its own (timeout(1))."""

    def terminate(self, program: str) -> None:
        """Leave it: the back-end ends with its parent, and so has ended already."""


class Machine:
    """A node with its instance; ``here`` for the one on which we run."""

    def __init__(
        self,
        name: str,
        address: str,
        runner: Runner,
        transport: Transport,
        instance: tuple[str, str],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``instance``: the names of the instance and of its database."""
        self.name = name
        self.address = address
        self.transport = transport
        self._runner = runner
        self._instance = instance
        self._tell = tell
        self._made: Instance | None = None

    @property
    def here(self) -> bool:
        """Tell whether it is the node on which we run."""
        return not self.transport.shell()

    @property
    def instance(self) -> Instance:
        """Return the instance.  Raises MissingTool when the node has no such user."""
        if self._made is None:
            name, database = self._instance
            kind = Instance if self.here else _Elsewhere
            self._made = kind(
                self._runner,
                Deadline(LONGEST),
                _Notes(self._tell),  # type: ignore[arg-type]
                name,
                database,
                home=self._home(name),
            )
        return self._made

    def _home(self, user: str) -> str:
        fields = self.run(["getent", "passwd", user]).stdout.strip().split(":")
        if len(fields) < 7:
            raise MissingTool(
                f'there is no user "{user}" on {self.name}, who would own the Db2 instance: '
                "install Db2 there and create the instance with db2icrt"
            )
        return fields[5]

    def run(self, argv: Sequence[str], timeout: float = QUICK, text: str = "") -> Result:
        """Run a command as root, ``text`` on its standard input."""
        return self._runner.run(argv, timeout=timeout, input=text)

    def watched(
        self, argv: Sequence[str], timeout: float, observe: Callable[[bytes], None]
    ) -> Result:
        """Run a command as root; ``observe`` gets its standard output as it comes."""
        return self._runner.run(argv, timeout=timeout, observe=observe)

    def owner(self, argv: Sequence[str], timeout: float = QUICK) -> Result:
        """Run a command as the instance's owner, a program of the instance by its name alone."""
        name, *words = argv
        program = self.instance.program(name) if name.startswith("db2") else name
        return self.instance.run([program, *words], timeout)

    def db2(self, text: str, timeout: float = QUICK, accept: Sequence[str] = ()) -> str:
        """Run a command of the command line processor.  Raises CommandRefused."""
        return self.instance.db2(text, timeout, accept)

    def folder(self, given: str) -> str:
        """Return the folder of the backups: ``given``, or ``backup`` in the owner's home."""
        return given or os.path.join(self.instance.home, "backup")

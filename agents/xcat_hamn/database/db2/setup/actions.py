"""The commands of the set-up as data: each tells what an administrator would type, and does it."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.database.db2 import hadr, messages
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.database.db2.setup import measuring
from xcat_hamn.database.db2.setup.machine import LONGEST, QUICK, Machine
from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: What db2start says when the instance runs, now or already; seconds that it may take.
_STARTED = ("SQL1063N", "SQL1026N")
_START = 300.0
#: FORCE APPLICATION with nobody there; DEACTIVATE of what was not active, or is still in use.
_NOBODY = ("SQL1611W",)
_DEACTIVATED = ("SQL1492N", "SQL1496W", "SQL1491N", "SQL1495W")
_EVERY = 0.2
#: What rsync or ssh says -> what to do; another copy goes on with what has come.
_COPYING = (
    ("No space left", "the disk of the backups is full on the other node: make room there"),
    ("not found", "install rsync on the other node"),
    ("Permission denied", "see that root may log in and write there"),
    ("timeout", "look at the network between the nodes"),
    ("closed", "look at the network between the nodes, and at sshd of the other one"),
)


class Watch(Protocol):
    """Whoever looks on while a long command runs."""

    def progress(self, fraction: float) -> None:
        """Take that so much of it (0 to 1) is done."""


class Action(Protocol):
    """One command on one node."""

    @property
    def as_root(self) -> bool:
        """Tell whether it runs as root, not as the instance's owner."""

    def shown(self) -> str:
        """Return the command as one would type it."""

    def run(self, machine: Machine, watch: Watch) -> None:
        """Do it.  Raises HamnError."""


@dataclass(frozen=True)
class Db2:
    """A command of the command line processor."""

    text: str
    timeout: float = QUICK
    accept: tuple[str, ...] = ()
    as_root: bool = False

    def shown(self) -> str:
        """Return the command."""
        return f"db2 {self.text}"

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Run it.  Raises CommandRefused."""
        machine.db2(self.text, self.timeout, self.accept)


@dataclass(frozen=True)
class Utility:
    """A BACKUP or RESTORE, whose progress the instance tells; ``total`` in bytes, 0: unknown."""

    text: str
    total: int = 0
    as_root: bool = False

    def shown(self) -> str:
        """Return the command."""
        return f"db2 {self.text}"

    def run(self, machine: Machine, watch: Watch) -> None:
        """Run it.  Raises CommandRefused."""
        with measuring.utilities(machine, self.total, watch.progress):
            machine.db2(self.text, LONGEST)


@dataclass(frozen=True)
class Program:
    """A program, of the instance where it has no path and ``as_root`` is not set."""

    argv: Sequence[str]
    as_root: bool = False
    timeout: float = 120.0

    def shown(self) -> str:
        """Return the command."""
        return shlex.join(self.argv)

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Run it.  Raises CommandFailed."""
        if self.as_root:
            done = machine.run(self.argv, self.timeout)
        else:
            done = machine.owner(self.argv, self.timeout)
        done.require(f"{self.shown()} on {machine.name}")


@dataclass(frozen=True)
class StartInstance:
    """db2start; an instance that runs is fine."""

    as_root: bool = False

    def shown(self) -> str:
        """Return the command."""
        return "db2start"

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Run it.  Raises CommandRefused."""
        done = machine.owner(["db2start"], _START)
        found = messages.parse_messages(done.stdout or done.stderr)
        if any(messages.find(found, code) for code in _STARTED):
            return
        said = messages.failure(found)
        raise CommandRefused(
            f"the Db2 instance on {machine.name} did not start: {said or done.last_line()}: see "
            "its db2diag.log",
            said.code if said else "",
            said.reason if said else "",
        )


@dataclass(frozen=True)
class Append:
    """Lines for the end of a file."""

    path: str
    lines: Sequence[str]
    as_root: bool = True

    def shown(self) -> str:
        """Return what is to be put where."""
        return "\n".join(f"{line}   >> {self.path}" for line in self.lines)

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Add them.  Raises CommandFailed."""
        # A file whose last line has no end would have ours on it.
        text = "\n" + "".join(f"{line}\n" for line in self.lines)
        machine.run(["tee", "-a", self.path], text=text).require(f"write {self.path}")


@dataclass(frozen=True)
class Deactivate:
    """Cut the clients off and deactivate the database, again while some come back."""

    database: str
    seconds: float
    as_root: bool = False

    def shown(self) -> str:
        """Return the commands."""
        return f"db2 FORCE APPLICATION ALL\ndb2 DEACTIVATE DATABASE {self.database}"

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Do it.  Raises CommandFailed when it is still active after ``seconds``."""
        deadline = Deadline(self.seconds)
        while True:
            machine.db2("FORCE APPLICATION ALL", accept=_NOBODY)
            machine.db2(f"DEACTIVATE DATABASE {self.database}", self.seconds, _DEACTIVATED)
            # FORCE returns before it has its effect, and whoever is still there keeps it active.
            if machine.instance.look()[0] in (hadr.NOT_ACTIVATED, INSTANCE_DOWN):
                return
            if deadline.left() <= 0:
                raise CommandFailed(
                    f"clients connect to {self.database} on {machine.name} again and again (`db2 "
                    "list applications` shows whose): stop xcatd on the service nodes, too"
                )
            time.sleep(_EVERY)


@dataclass(frozen=True)
class Copy:
    """The file ``path`` of another node into ``folder``, over ssh; a broken copy goes on."""

    source: Machine
    target: Machine
    path: str
    folder: str
    as_root: bool = True

    def _argv(self) -> list[str]:
        shell = self.source.transport.shell() or self.target.transport.shell()
        options = ["--archive", "--partial", "--info=progress2", "--timeout=120"]
        places = [
            self.source.transport.place(self.path),
            self.target.transport.place(f"{self.folder}/"),
        ]
        return ["rsync", *options, *([f"--rsh={shell}"] if shell else []), *places]

    def shown(self) -> str:
        """Return the command, without what is told to ssh."""
        words = [word for word in self._argv() if not word.startswith("--rsh=")]
        return shlex.join(words)

    def run(self, machine: Machine, watch: Watch) -> None:  # noqa: ARG002
        """Copy it, from the node on which we run.  Raises CommandFailed."""
        runs = self.source if self.source.here else self.target
        reader = measuring.Rsync(watch.progress)
        done = runs.watched(self._argv(), LONGEST, reader.read)
        if not done.ok:
            said = done.stderr.strip() or done.last_line()
            advice = next((text for words, text in _COPYING if words in said), "see rsync(1)")
            raise CommandFailed(
                f"rsync ended with {done.returncode} ({said.splitlines()[0]}): {advice}"
            )

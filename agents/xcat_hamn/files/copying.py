"""One rsync, or one question, at a time: what the ways of copying are made of."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence

from xcat_hamn.files import epoch, ids, ports, rsync
from xcat_hamn.files.connection import Connection
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.outcome import Outcome, outcome, parse_items
from xcat_hamn.files.places import Places
from xcat_hamn.files.ports import Peer
from xcat_hamn.files.request import Request
from xcat_hamn.files.sets import FileSet, Root
from xcat_hamn.system.runner import Runner

#: How often files that went away or changed meanwhile are looked at again in one call.
AGAIN = 3


class Stop(Exception):
    """The call ends with this outcome."""

    def __init__(self, kind: str, sentence: str) -> None:
        self.outcome = Outcome(kind, sentence)
        super().__init__(sentence)


class Tally:
    """What a call has found so far, over all its rsyncs, and the seconds that it has left."""

    def __init__(self, timeout: float, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.begun = time.monotonic()
        self._cancelled = cancelled
        self._end = self.begun + timeout
        self.count = 0
        self.names: dict[bytes, None] = {}
        self.doubt = False

    def left(self) -> float:
        """Return the seconds that are left.  Raises Stop when none are, or all is cancelled."""
        if self._cancelled():
            raise Stop(ports.CANCELLED, "the copy was told to stop")
        left = self._end - time.monotonic()
        if left <= 0:
            raise Stop(ports.TIMEOUT, "the time for it was over before all was copied")
        return left

    def add(self, root: Root, stdout: str) -> int:
        """Take in what one rsync said; return how many entries that were."""
        top, number = os.fsencode(root.directory), 0
        for _what, name in parse_items(stdout):
            if name == b"." and root.only:
                continue  # /etc itself is not of the set
            number += 1
            if len(self.names) < ports.NAMES:
                self.names[top if name == b"." else top + b"/" + name] = None
        self.count += number
        return number


class Copier:
    """Runs rsync and asks the receiver, as the source ``node`` of the newest epoch."""

    def __init__(
        self, node: str, peer: str, places: Places, runner: Runner, connection: Connection
    ) -> None:
        self.node = node
        self.peer = peer
        self.places = places
        self.connection = connection
        self._runner = runner
        self._maps: list[str] | None = None

    def epoch(self) -> Epoch:
        """Return the epoch of which this node is the source.  Raises Stop when it is not."""
        seen = epoch.read(self.places.epoch)
        if seen.node != self.node:
            whose = f"{seen.node} is, since epoch {seen.number}" if seen.node else "nobody was yet"
            raise Stop(ports.OLDER_EPOCH, f"{self.node} is not the source of the files: {whose}")
        return seen

    def ask(self, request: Request, tally: Tally, *, again: bool = True) -> tuple[str, float]:
        """Return what the receiver says to ``request`` and the seconds it took.  Raises Stop."""
        self._require(self.connection.open())
        result, said, took = self.connection.ask(request, tally.left())
        if result.kind == ports.UNREACHABLE and again:
            tally.left()
            self._require(self.connection.open(sure=True))
            return self.ask(request, tally, again=False)
        self._require(result)
        return said, took

    @staticmethod
    def _require(result: Outcome) -> None:
        if result.kind != ports.OK:
            raise Stop(result.kind, result.sentence)

    def introduce(self, tally: Tally) -> Peer:
        """Ask the receiver for itself and its users.  Raises Stop."""
        number = epoch.read(self.places.epoch).number
        said, took = self.ask(Request("hello", number, self.node), tally)
        try:
            told = json.loads(said)
            pairs = [(ids.users(), told["users"], "user"), (ids.groups(), told["groups"], "group")]
            maps = [(ids.mapping(mine, dict(theirs)), what) for mine, theirs, what in pairs]
            self._maps = [f"--{what}map={pairs}" for pairs, what in maps if pairs]
            ahead = float(told["time"]) - (time.time() - took / 2)
            return Peer(str(told["node"]), int(told["epoch"]), str(told["source"]), ahead)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Stop(
                ports.FAILED,
                f"what {self.peer} says of itself makes no sense: install the same version there",
            ) from None

    def push(
        self,
        fileset: FileSet,
        root: Root,
        how: Sequence[str],
        tally: Tally,
        *,
        token: str = "",
        until: float | None = None,
    ) -> int:
        """Run one rsync; return how many entries it changed.  Raises Stop.

        Files that went away or changed meanwhile are looked at again, a few times.
        """
        if self._maps is None:
            self.introduce(tally)
        seen = self.epoch()
        request = Request(
            "push", seen.number, self.node, fileset.name, root.label, token=token, until=until
        )
        maps = (self._maps or []) if fileset.owners == "name" else []
        self._require(self.connection.open())
        number, result = 0, Outcome(ports.OK)
        for turn in range(AGAIN):
            argv = rsync.command(fileset, root, request, self.connection.shell(), how, maps)
            said = self._runner.run(argv, timeout=tally.left())
            number += tally.add(root, said.stdout)
            result = outcome(said.returncode, said.stderr, self.peer)
            if result.kind == ports.UNREACHABLE and turn == 0:
                tally.left()
                self._require(self.connection.open(sure=True))
            elif result.kind != ports.VANISHED:
                break
        self._require(result)
        return number

    def list_names(self, names: Iterable[bytes]) -> str:
        """Write ``names`` into a file for rsync, separated by NUL, and return its path."""
        os.makedirs(self.places.run, mode=0o700, exist_ok=True)
        path = f"{self.places.run}/names.{os.getpid()}.{time.monotonic_ns()}"
        with open(path, "wb") as stream:
            for name in names:
                # Without "./" rsync takes a name that begins with # or ; for a comment.
                stream.write(b"./" + name + b"\0")
        return path

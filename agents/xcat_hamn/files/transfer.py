"""Brings file sets to the other node: rsync over one ssh connection, judged by the receiver."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from xcat_hamn.errors import CommandTimeout, HamnError, MissingTool
from xcat_hamn.files import marks, merge, ports, rsync, source
from xcat_hamn.files.connection import Connection
from xcat_hamn.files.copying import AGAIN, Copier, Stop, Tally
from xcat_hamn.files.places import Places
from xcat_hamn.files.ports import Peer, Result
from xcat_hamn.files.request import Request
from xcat_hamn.files.sets import FileSet, Root
from xcat_hamn.system.files import read_text, remove
from xcat_hamn.system.runner import Runner

#: Clocks further apart than this, in seconds, are named.
CLOCKS_APART = 5.0


class SshTransfer:
    """A ``ports.Transfer`` to node ``peer`` at ``address``; ``node`` is this one's name."""

    def __init__(
        self,
        node: str,
        peer: str,
        address: str,
        places: Places,
        runner: Runner,
        *,
        port: int = 22,
    ) -> None:
        self._places = places
        self._connection = Connection(peer, address, places, runner, port=port)
        self._copier = Copier(node, peer, places, runner, self._connection)
        self._peer = peer
        self._cancels = 0

    def hello(self, *, timeout: float = 20.0) -> Peer:
        """Ask the other node who it is and what it holds; nothing is copied."""
        found = [Peer()]

        def ask(tally: Tally) -> str:
            found[0] = self._copier.introduce(tally)
            return f"{found[0].node} answers"

        result = self._guarded(ask, timeout)
        if not result.ok:
            return Peer(problem=result)
        apart = found[0].clock
        if abs(apart) > CLOCKS_APART:
            sentence = (
                f"the clock of {self._peer} is {abs(apart):.0f} s "
                f"{'ahead of' if apart > 0 else 'behind'} this node's, so ages cannot be trusted: "
                "synchronize both (chronyd)"
            )
            return dataclasses.replace(found[0], problem=Result(False, ports.CLOCK, sentence))
        return found[0]

    def full(
        self,
        fileset: FileSet,
        *,
        checksum: bool = False,
        until: float | None = None,
        timeout: float = 86400.0,
    ) -> Result:
        """Make the whole set equal by size and time of each file, or by ``checksum``."""

        def copy(tally: Tally) -> str:
            roots = self._roots(fileset)
            if fileset.staged:
                self._staged(fileset, roots, tally, checksum, until)
            else:
                how = rsync.whole(fileset, checksum=checksum, dry=False)
                for number, root in enumerate(roots, 1):
                    vouched = until if number == len(roots) else None
                    self._copier.push(fileset, root, how, tally, until=vouched)
            self._delivered(fileset, until)
            return "" if roots else f'nothing of the set "{fileset.name}" exists on this node'

        return self._guarded(copy, timeout)

    def some(
        self,
        fileset: FileSet,
        paths: Sequence[bytes],
        trees: Sequence[bytes] = (),
        *,
        until: float | None = None,
        timeout: float = 3600.0,
    ) -> Result:
        """Make ``paths`` equal, each alone, and ``trees`` with everything below."""
        if fileset.staged:
            return self.full(fileset, until=until, timeout=timeout)

        def copy(tally: Tally) -> str:
            self._roots(fileset)
            jobs = []
            for wanted, deep in ((trees, True), (paths, False)):
                for root, names in source.by_root(fileset, wanted).items():
                    found = source.sort_out(root, names)
                    tally.doubt |= found.linked
                    if deep and found.directories:
                        jobs.append((root, found.directories, rsync.trees))
                    alone = found.others + [name + b"/" for name in found.emptied]
                    alone += [] if deep else found.directories
                    if alone:
                        jobs.append((root, alone, rsync.alone))
            for number, (root, names, way) in enumerate(jobs, 1):
                vouched = until if number == len(jobs) and not tally.doubt else None
                listed = self._copier.list_names(names)
                try:
                    how = way(fileset, listed)
                    self._copier.push(fileset, root, how, tally, until=vouched)
                finally:
                    remove(listed)
            self._delivered(fileset, None if tally.doubt else until)
            return ""

        return self._guarded(copy, timeout)

    def sample(self, fileset: FileSet, part: int, parts: int, *, timeout: float = 3600.0) -> Result:
        """Compare the content of every ``parts``-th file, the ``part``-th choice, and repair it."""
        if fileset.staged:
            return self.full(fileset, checksum=True, timeout=timeout)

        def copy(tally: Tally) -> str:
            for root in self._roots(fileset):
                names = source.files_below(fileset, root)
                chosen = (name for name in names if source.of_sample(name, part, parts))
                listed = self._copier.list_names(chosen)
                try:
                    self._copier.push(fileset, root, rsync.contents(listed), tally)
                finally:
                    remove(listed)
            return ""

        return self._guarded(copy, timeout)

    def compare(
        self, fileset: FileSet, *, checksum: bool = False, timeout: float = 3600.0
    ) -> Result:
        """Tell what differs and write nothing; ok with no differing names proves equality."""

        def copy(tally: Tally) -> str:
            how = rsync.whole(fileset, checksum=checksum or bool(fileset.snapshot), dry=True)
            token = secrets.token_hex(8) if fileset.staged else ""
            for root in self._at_rest(fileset, self._roots(fileset)):
                self._copier.push(fileset, root, how, tally, token=token)
            if fileset.staged:
                seen = self._copier.epoch()
                request = Request("check", seen.number, seen.node, fileset.name)
                tally.count += self._changed(self._copier.ask(request, tally)[0])
            if tally.count:
                return f'{tally.count} entries of "{fileset.name}" differ on {self._peer}'
            return f'"{fileset.name}" is equal on {self._peer}'

        return self._guarded(copy, timeout)

    def mark(self, until: Mapping[str, float], *, timeout: float = 150.0) -> Result:
        """Tell the other node up to when it has each set, though nothing was to be copied."""

        def tell(tally: Tally) -> str:
            seen = self._copier.epoch()
            if until:
                request = Request("mark", seen.number, seen.node, marks=until)
                self._copier.ask(request, tally)
            for name, time_of in until.items():
                marks.advance(self._places, name, seen.number, seen.node, time_of)
            return f"{self._peer} knows up to when it has everything"

        return self._guarded(tell, timeout)

    def cancel(self) -> None:
        """End the running call, if any; later calls are carried out."""
        self._cancels += 1
        self.close()

    def close(self) -> None:
        """Give up the connection that the calls share."""
        try:
            self._connection.close()
        except (HamnError, OSError):
            return  # it ends by itself once the other side is silent

    # How

    def _guarded(self, call: Callable[[Tally], str], timeout: float) -> Result:
        """Run ``call``; whatever goes wrong becomes a Result."""
        cancels = self._cancels
        tally = Tally(timeout, lambda: cancels != self._cancels)
        try:
            sentence, kind = call(tally), ports.OK
        except Stop as stop:
            sentence, kind = stop.outcome.sentence, stop.outcome.kind
        except CommandTimeout as problem:
            sentence, kind = str(problem), ports.TIMEOUT
        except MissingTool as problem:
            sentence, kind = str(problem), ports.TOOL
        except HamnError as problem:
            sentence, kind = str(problem), ports.FAILED
        except OSError as problem:
            sentence = f"{problem.filename or 'a file'} on this node: {problem.strerror}"
            kind = ports.SOURCE
        if kind != ports.OK and cancels != self._cancels:
            sentence, kind = "the copy was told to stop", ports.CANCELLED
        return Result(
            ok=kind == ports.OK,
            kind=kind,
            sentence=sentence or f"{tally.count} entries were copied to {self._peer}",
            delivered=tally.count,
            differing=tuple(tally.names),
            differing_count=tally.count,
            doubt=tally.doubt,
            seconds=time.monotonic() - tally.begun,
        )

    def _roots(self, fileset: FileSet) -> list[Root]:
        """Return the roots that exist here.  Raises Stop when one is not what it was."""
        self._copier.epoch()
        why = marks.loss(marks.read_mark(self._places, fileset.name), fileset.roots)
        if why:
            raise Stop(ports.SOURCE, f'"{fileset.name}" is not copied: {why}')
        return [root for root in fileset.roots if root.present() and not self._managed(root)]

    @staticmethod
    def _managed(root: Root) -> bool:
        path = f"{root.directory}/{root.only[0]}" if len(root.only) == 1 else ""
        return path == "/etc/resolv.conf" and bool(merge.managed(path, read_text(path)))

    def _delivered(self, fileset: FileSet, until: float | None) -> None:
        if until is not None:
            seen = self._copier.epoch()
            roots = fileset.roots
            marks.advance(self._places, fileset.name, seen.number, seen.node, until, roots)

    def _at_rest(self, fileset: FileSet, roots: Sequence[Root]) -> Sequence[Root]:
        """Return ``roots``, or a copy of what they hold at this moment (a database)."""
        if not fileset.snapshot:
            return roots
        target = f"{self._places.state}/snapshot/{fileset.name}"
        moment = source.take_snapshot(fileset, target)
        return [root for root in moment.roots if root.directory]

    def _staged(
        self,
        fileset: FileSet,
        roots: Sequence[Root],
        tally: Tally,
        checksum: bool,
        until: float | None,
    ) -> None:
        """Copy beside the place until nothing changes any more, then have it put there at once."""
        if not roots:
            return
        token = secrets.token_hex(8)
        roots = self._at_rest(fileset, roots)
        for turn in range(AGAIN):
            sums = checksum and turn == 0 or bool(fileset.snapshot)
            how = rsync.whole(fileset, checksum=sums, dry=False)
            changed = [self._copier.push(fileset, r, how, tally, token=token) for r in roots]
            if not any(changed):
                break
        else:
            raise Stop(
                ports.VANISHED,
                f'"{fileset.name}" changes all the time: it is copied when it rests, since it '
                "must change as one",
            )
        seen = self._copier.epoch()
        labels = tuple(root.label for root in roots)
        request = Request(
            "apply", seen.number, seen.node, fileset.name, token=token, until=until, labels=labels
        )
        changed_there = self._changed(self._copier.ask(request, tally)[0])
        tally.count = max(len(tally.names), changed_there)

    def _changed(self, said: str) -> int:
        """Return how many entries the receiver says that it changed.  Raises Stop."""
        try:
            return int(json.loads(said)["changed"])
        except (ValueError, KeyError, TypeError):
            raise Stop(
                ports.FAILED, f"the answer of {self._peer} makes no sense: {said[:100]!r}"
            ) from None

"""The move of the role, as the operator would type it, watched and cleaned up after.

`pcs resource move` writes a location constraint, waits, and takes it away; it refuses a group that
runs nowhere (pcs 0.11.5 and 0.12.0: "not running"), where `move-with-constraint` writes the same
constraint and leaves it.  Whatever happens here, none is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.cluster.status import GROUP, Status
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.takeover.loss import CONSENT, duration
from xcat_hamn.takeover.progress import Progress
from xcat_hamn.takeover.view import Asks, View, moves_in


class Acts(Asks, Protocol):
    """What is needed of ``cluster.pacemaker.Pacemaker``."""

    def set_private(self, name: str, node: str, value: str) -> None:
        """Set or remove a private attribute."""


class Running(Protocol):
    """A command that runs."""

    def ended(self) -> int | None:
        """Return its exit code, None while it runs."""

    def stop(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds.

    ``whole``: for the move, with the power-off of the other node and every start.  ``still``: while
    nothing at all happens.  ``consent``: for the standby's next monitor (every 7 s) to act on it.
    ``clear``: for the end of `pcs resource clear`.  ``settle``: to see that the role stays.
    """

    whole: float = 900.0
    still: float = 60.0
    consent: float = 45.0
    clear: float = 60.0
    settle: float = 1.0
    every: float = 0.5


class Mover:
    """Moves the role to a node; ``tell`` gets a sentence for each thing that happens."""

    def __init__(
        self,
        cluster: Acts,
        start: Callable[[Sequence[str]], Running],
        tell: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self._cluster = cluster
        self._start = start
        self._tell = tell
        self._patience = patience

    # -- consent -----------------------------------------------------------------------------

    @contextmanager
    def consented(self, view: View) -> Iterator[None]:
        """Give consent to a promotion with the data that is there, and take it back at the end.

        A promotion uses it up; when it does not come to one, nothing of it stays.
        """
        if view.end is None:
            raise ValueError("nobody can agree to what nobody knows")
        try:
            self._cluster.set_private(CONSENT, view.node, view.end.consent)
            yield
        finally:
            try:
                self._cluster.set_private(CONSENT, view.node, "")
            except HamnError as problem:
                self._tell(f"the consent could not be withdrawn: {problem}")

    def wait_accepted(self, node: str) -> None:
        """Wait until the database of ``node`` acts on the consent.  Raises CommandFailed."""
        self._tell("consent given: waiting for the next look of the database's agent")
        end = time.monotonic() + self._patience.consent
        limit = ""
        while time.monotonic() < end:
            me = self._cluster.status().members[node]
            if me.score and not me.gated:
                return
            limit = me.attributes.get("xcat-db-limit", limit)
            time.sleep(self._patience.every)
        raise CommandFailed(
            f"the database on {node} did not accept the consent within "
            f"{duration(self._patience.consent)}: {limit or 'it does not say why'}; the consent "
            "was withdrawn and nothing was moved"
        )

    # -- the move ----------------------------------------------------------------------------

    def move(self, node: str) -> None:
        """Move the role to ``node`` and return when all of it runs there.

        An operator may interrupt it at any point; ``clear`` is to follow then.  Raises HamnError.
        """
        status = self._cluster.status()
        if node in status.primaries():
            self._follow([], node, status, own=False)
        else:
            # One that was left behind would make pcs do nothing, and the gate does not count it.
            self.clear(node)
            plain = bool(status.group_nodes())
            verb = "move" if plain else "move-with-constraint"
            self._follow(["pcs", "resource", verb, GROUP, node], node, status, own=plain)
            self.clear(node)
        self._settle(node)

    def clear(self, node: str) -> None:
        """Take away the constraint of a move to ``node``, ours or one that was left behind."""
        if node not in moves_in(self._cluster.query()):
            return
        process = self._start(["pcs", "resource", "clear", GROUP, node])
        try:
            end = time.monotonic() + self._patience.clear
            while process.ended() is None and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            process.stop()
        if node in moves_in(self._cluster.query()):
            raise CommandFailed(
                f"the constraint of the move is still there and keeps the role on {node}: run "
                f"`pcs resource clear {GROUP}`"
            )

    def _settle(self, node: str) -> None:
        """See that the role stays without the constraint, too.  Raises CommandFailed."""
        end = time.monotonic() + self._patience.settle
        while True:
            status = self._cluster.status()
            there = status.active_on() == node
            if there and not status.busy() and time.monotonic() > end:
                return
            if not there and not status.busy():
                raise CommandFailed(
                    f"the role did not stay on {node}: see `crm_mon -1A` for where it is and why"
                )
            time.sleep(self._patience.every)

    def _follow(self, argv: Sequence[str], node: str, before: Status, *, own: bool) -> None:
        """Run a command and watch the cluster until the role is up on ``node``.

        With ``own`` the command itself knows when it is done.
        """
        process = self._start(argv) if argv else None
        watch = _Watch(before, self._tell, self._patience)
        try:
            while True:
                code = process.ended() if process else 0
                status = self._look()
                watch.see(status)
                if code is not None and code != 0 and not _coming(status, node):
                    raise CommandFailed(
                        f"`{' '.join(argv)}` ended with {code}: the lines above say why"
                    )
                if status and status.active_on() == node and (code is not None or not own):
                    return
                watch.check(node)
                time.sleep(self._patience.every)
        finally:
            if process:
                process.stop()

    def _look(self) -> Status | None:
        """Return the status; None when the cluster does not answer at this moment."""
        try:
            return self._cluster.status()
        except HamnError:
            return None


def _coming(status: Status | None, node: str) -> bool:
    """Tell whether the role comes to the node whatever a command has said."""
    return status is not None and node in status.primaries()


class _Watch:
    """Tells what happens and notices when nothing does."""

    def __init__(self, status: Status, tell: Callable[[str], None], patience: Patience) -> None:
        self._progress = Progress(status)
        self._tell = tell
        self._patience = patience
        self._begun = self._changed = time.monotonic()

    def see(self, status: Status | None) -> None:
        """Take a new status in."""
        if status is None:
            return
        news = self._progress.news(status)
        for sentence in news:
            self._tell(f"{time.monotonic() - self._begun:4.0f} s  {sentence}")
        if news or status.busy() or status.fencing:
            self._changed = time.monotonic()

    def check(self, node: str) -> None:
        """Raise CommandFailed when there is no use in waiting any longer."""
        now = time.monotonic()
        if now - self._changed > self._patience.still:
            still = duration(self._patience.still)
            what = f"nothing has happened for {still} and the role is not on {node}"
        elif now - self._begun > self._patience.whole:
            what = f"{node} did not have the role within {duration(self._patience.whole)}"
        else:
            return
        raise CommandFailed(f"{what}: see the failures and xcat-db-limit in `crm_mon -1A`")

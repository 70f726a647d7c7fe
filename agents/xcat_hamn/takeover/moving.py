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

from xcat_hamn.cluster.status import DATABASE, GROUP, Status
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.takeover.loss import CONSENT, duration
from xcat_hamn.takeover.progress import Progress
from xcat_hamn.takeover.view import Asks, View, moves_in


class Acts(Asks, Protocol):
    """What is needed of ``cluster.pacemaker.Pacemaker``."""

    def set_private(self, name: str, node: str, value: str) -> None:
        """Set or remove a private attribute."""

    def local_node(self) -> str:
        """Return the name of this node."""

    def check(self, resource: str) -> None:
        """Run a monitor on this node."""


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
    ``notice``: for that monitor to see that the primary is gone.  ``clear``: for the end of `pcs
    resource clear`.  ``settle``: to see that the role stays.
    """

    whole: float = 900.0
    still: float = 60.0
    consent: float = 45.0
    notice: float = 20.0
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
        """Order a promotion with the data that is there, and take the order back at the end.

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
                self._tell(f"the order could not be withdrawn: {problem}")

    def wait_accepted(self, node: str) -> None:
        """Wait until the database of ``node`` acts on the consent.  Raises CommandFailed."""
        self._tell("ordered: waiting until the database's agent has looked")
        look_now(self._cluster, node)
        end = time.monotonic() + self._patience.consent
        limit = ""
        while time.monotonic() < end:
            me = self._cluster.status().members[node]
            if me.score and not me.gated:
                return
            limit = me.attributes.get("xcat-db-limit", limit)
            time.sleep(self._patience.every)
        raise CommandFailed(
            f"the database on {node} did not take the order within "
            f"{duration(self._patience.consent)}: {limit or 'it does not say why'}; the order "
            "was withdrawn and nothing was moved"
        )

    # -- the move ----------------------------------------------------------------------------

    def move(self, node: str) -> None:
        """Move the role to ``node`` and return when all of it runs there.

        An operator may interrupt it at any point; ``clear`` is to follow then.  Raises HamnError.
        """
        # What was left behind would make pcs do nothing, and the gate does not count it.
        self.clear(node)
        status = self._cluster.status()
        self._follow(orders(status, node), node, status)
        self.clear(node)
        self._settle(node)

    def clear(self, node: str) -> None:
        """Take away the constraints of a move to ``node``, ours or any left behind."""
        for resource in self._left(node):
            process = self._start(["pcs", "resource", "clear", resource, node])
            try:
                end = time.monotonic() + self._patience.clear
                while process.ended() is None and time.monotonic() < end:
                    time.sleep(0.05)
            finally:
                process.stop()
        for resource in self._left(node):
            raise CommandFailed(
                f"the constraint of the move is still there and keeps the role on {node}: run "
                f"`pcs resource clear {resource}`"
            )

    def _left(self, node: str) -> list[str]:
        return [resource for resource, to in moves_in(self._cluster.query()) if to == node]

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

    def _follow(self, commands: Sequence[Sequence[str]], node: str, before: Status) -> None:
        """Run the commands in order and watch the cluster until the role is up on ``node``."""
        watch = _Watch(before, self._tell, self._patience)
        for argv in commands:
            process = self._start(argv)
            try:
                while process.ended() is None:
                    watch.see(self._look())
                    watch.check(node)
                    time.sleep(self._patience.every)
                status = self._look()
                watch.see(status)
                # The cluster may have been faster than the command.
                if process.ended() and not (status and node in status.primaries()):
                    raise CommandFailed(
                        f"`{' '.join(argv)}` ended with {process.ended()}: the lines above say why"
                    )
            finally:
                process.stop()
        while True:
            status = self._look()
            watch.see(status)
            if status and status.active_on() == node:
                return
            watch.check(node)
            time.sleep(self._patience.every)

    def _look(self) -> Status | None:
        """Return the status; None when the cluster does not answer at this moment."""
        try:
            return self._cluster.status()
        except HamnError:
            return None


def look_now(cluster: Acts, node: str) -> None:
    """Let the database's agent on ``node`` look now, if that is this node.

    While a promotion waits for a fencing, Pacemaker runs no monitor of the standby.
    """
    if cluster.local_node() == node:
        cluster.check(DATABASE)


def orders(status: Status, node: str) -> list[list[str]]:
    """Return the commands that bring the role to ``node``, as an operator would type them."""
    if node in status.primaries():
        return []  # It is on its way.
    verb = "move" if status.group_nodes() else "move-with-constraint"
    return [["pcs", "resource", verb, GROUP, node]]


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

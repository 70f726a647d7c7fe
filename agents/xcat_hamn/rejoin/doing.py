"""The order to a node's agent, the restart in which it is obeyed, and what came of it.

The agent works in the start of its database, where nothing else happens to it.  `crm_resource
--restart --node` stops and starts that one instance (seen on Pacemaker 2.1.5 and 3.0.0: no
operation on any other node, and no constraint is left).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.cluster.cib import parse
from xcat_hamn.cluster.status import CLONE, DATABASE, Status
from xcat_hamn.cluster.vocabulary import DATABASE as WORD
from xcat_hamn.cluster.vocabulary import DATABASE_LIMIT
from xcat_hamn.database.postgresql import lineage, rejoin
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.rejoin.decision import View, read_divergence
from xcat_hamn.takeover.engines import engine_in
from xcat_hamn.takeover.loss import END, read_end

_ORDER, _DIVERGED = (f"{DATABASE}-{name}" for name in (rejoin.ORDER, lineage.DIVERGED))


class Cluster(Protocol):
    """What is needed of ``cluster.pacemaker.Pacemaker``."""

    def status(self) -> Status:
        """Return the cluster's status."""

    def query(self) -> str:
        """Return the CIB."""

    def private(self, name: str, node: str) -> str:
        """Return a private attribute of a node."""

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

    ``restart``: for the database to stop, be brought in line, and start.  ``follow``: for it to
    follow the primary afterwards.
    """

    restart: float = 3600.0
    follow: float = 120.0
    every: float = 0.5


def look(cluster: Cluster, node: str, *, copy: bool) -> View:
    """Look at the cluster.  Raises HamnError when it does not answer."""
    status = cluster.status()
    member = status.members.get(node)
    if member is None or not member.online:
        return View(node, status, copy)
    cib = cluster.query()
    return View(
        node,
        status,
        copy,
        engine=engine_in(cib),
        divergence=read_divergence(cluster.private(_DIVERGED, node)),
        end=read_end(cluster.private(END, node)),
        parameters=_parameters(cib),
    )


def _parameters(cib: str) -> dict[str, str]:
    path = f".//primitive[@id='{DATABASE}']/instance_attributes/nvpair"
    found = parse(cib).iterfind(path)
    return {pair.get("name", ""): pair.get("value", "") for pair in found}


class Rejoiner:
    """Has a node's agent bring its database in line.

    ``start`` begins a command, ``tell`` gets a sentence for each thing that happens, ``progress``
    says how far a local agent is.
    """

    def __init__(
        self,
        cluster: Cluster,
        start: Callable[[Sequence[str]], Running],
        tell: Callable[[str], None],
        progress: Callable[[], str],
        patience: Patience,
    ) -> None:
        self._cluster = cluster
        self._start = start
        self._tell = tell
        self._progress = progress
        self._patience = patience

    def rejoin(self, view: View) -> None:
        """Give the order, restart the database, and wait until it follows.

        Raises CommandFailed, with the order withdrawn, when it does not come to that.
        """
        if view.data is None:
            raise ValueError("nobody can be ordered to undo what nobody knows")
        kind = rejoin.COPY if view.copy else rejoin.REWIND
        order = str(rejoin.Order(kind, *view.data))
        try:
            self._cluster.set_private(_ORDER, view.node, order)
            self._restart(view.node)
            answer = self._cluster.private(_ORDER, view.node)
        finally:
            # First: an interrupted restart goes on when the database may start again.
            self._withdraw(view.node)
            self._unban(view.node)
        if answer == order:
            raise CommandFailed(
                f"the agent on {view.node} has not seen the order: is the same version of "
                "xcat-hamn installed there?"
            )
        if answer.startswith(rejoin.FAILED):
            raise CommandFailed(f"{view.node} did not follow: {answer[len(rejoin.FAILED) :]}")
        self._wait_following(view.node)

    def _withdraw(self, node: str) -> None:
        try:
            if self._cluster.private(_ORDER, node):
                self._cluster.set_private(_ORDER, node, "")
        except HamnError as problem:
            self._tell(f"the order could not be withdrawn: {problem}")

    def _restart(self, node: str) -> None:
        """Restart the database of ``node`` alone, saying what happens meanwhile."""
        process = self._start(
            ["crm_resource", "--restart", f"--resource={CLONE}", f"--node={node}"]
        )
        end = time.monotonic() + self._patience.restart
        try:
            code = process.ended()
            while code is None and time.monotonic() < end:
                self._report(node)
                code = process.ended()
        finally:
            process.stop()
        if code:
            raise CommandFailed(
                f"the database on {node} was not restarted (crm_resource ended with {code}): look "
                f"at crm_mon; {self._why(node)}"
            )

    def _report(self, node: str) -> None:
        """Say what the database is now, and how far a local agent is."""
        word = self._cluster.status().members[node].attributes.get(WORD, "")
        if word:
            self._tell(f"xcat-db of {node} is {word}")
        end = time.monotonic() + self._patience.every
        while time.monotonic() < end:
            said = self._progress()
            if said:
                self._tell(said)
            time.sleep(self._patience.every / 5)

    def _unban(self, node: str) -> None:
        """Take away the constraint by which an interrupted restart keeps the database stopped."""
        name = f"cli-ban-{CLONE}-on-{node}"
        constraints = parse(self._cluster.query()).iterfind("configuration/constraints/*")
        if any(one.get("id") == name for one in constraints):
            argv = ["crm_resource", "--clear", f"--resource={CLONE}", f"--node={node}"]
            process = self._start(argv)
            end = time.monotonic() + self._patience.follow
            while process.ended() is None and time.monotonic() < end:
                time.sleep(0.05)

    def _why(self, node: str) -> str:
        status = self._cluster.status()
        reasons = [one.reason for one in status.failures if one.node == node and one.reason]
        return reasons[-1] if reasons else "it does not say why"

    def _wait_following(self, node: str) -> None:
        end = time.monotonic() + self._patience.follow
        while time.monotonic() < end:
            view = look(self._cluster, node, copy=False)
            if view.word == "standby":
                return
            time.sleep(self._patience.every)
        limit = view.me.attributes.get(DATABASE_LIMIT, self._why(node))
        raise CommandFailed(
            f"the database on {node} does not follow after {self._patience.follow:.0f} s; it is "
            f"{view.word or 'not there'}: {limit}"
        )

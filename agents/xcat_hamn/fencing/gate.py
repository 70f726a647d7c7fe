"""The gate at work: look, decide, and wait for the operator if that is the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from xcat_hamn.errors import HamnError
from xcat_hamn.fencing.decision import NEEDS_SURVIVOR, Answer, Level, Verdict, View, judge
from xcat_hamn.fencing.loss import Loss, Memory
from xcat_hamn.fencing.view import Observation, Presence, Role, Target

#: Seconds between two looks while waiting: an approval is acted on within two.
POLL = 1.0
#: Seconds after which a gate that has never seen the cluster gives up.
BLIND = 20.0
#: Seconds between two looks of the survivor's database while waiting.
LOOK = 10.0
#: Seconds for which what it has seen holds when a node is to be switched off because of it.
FRESH = 2.0


class Cluster(Protocol):
    """What the gate needs of the cluster."""

    def observe(self, target: Target) -> Observation:
        """Look at the cluster now.  Raises HamnError when it does not answer."""

    def ring(self) -> str:
        """Return the id of the membership that this node is in, empty when it is not known."""

    def wishes_at_loss(self, target: Target) -> frozenset[str] | None:
        """Return the moves that were asked for before the node was lost, None if not known."""

    def tell(self, sentence: str) -> None:
        """Show ``sentence`` in crm_mon for this node; an empty one removes it."""

    def look_anew(self, target: Target) -> None:
        """Let the agent of this node's database look at the loss; best effort."""

    def hold(self, target: Target) -> None:
        """Keep the survivor's database from being promoted until its agent has looked again."""

    def wanted(self) -> bool:
        """Tell whether whoever asked for the fencing still waits for the answer."""


@dataclass(frozen=True)
class Clock:
    """Time, for tests to replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Gate:
    """One call of the fence agent for one node."""

    def __init__(
        self,
        target: Target,
        level: Level,
        automatic: bool,
        cluster: Cluster,
        memory: Memory,
        say: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._target = target
        self._level = level
        self._automatic = automatic
        self._cluster = cluster
        self._memory = memory
        self._say = say
        self._clock = clock or Clock()
        self._loss: Loss | None = None
        self._shown = ""
        self._next_look = 0.0

    def decide(self) -> Verdict:
        """Return the final verdict, RELEASE or REFUSE, however long the operator takes.

        Raises HamnError when the cluster cannot be seen at all.
        """
        begun = self._clock.now()
        complaint = ""
        while True:
            try:
                seen = self._cluster.observe(self._target)
            except HamnError as problem:
                # Nothing is known now, so nothing is decided; what was shown stays true.
                if self._loss is None and self._clock.now() - begun > BLIND:
                    raise
                if str(problem) != complaint:
                    complaint = str(problem)
                    self._say(complaint)
            else:
                verdict = self._judge(seen)
                if self._is_hasty(verdict):
                    continue
                if verdict.answer is not Answer.WAIT:
                    self._end(verdict, seen)
                    return verdict
                self._show(verdict.sentence)
                self._let_database_look()
            if not self._cluster.wanted():
                return Verdict(
                    "abandoned", Answer.REFUSE, "the fencing daemon has gone: nobody waits any more"
                )
            self._clock.sleep(POLL)

    def _is_hasty(self, verdict: Verdict) -> bool:
        """Let the survivor's database look right before a node is switched off; tell if it did.

        What its score says may be from before the loss still, and with Db2 the time in which a
        takeover loses nothing ends by itself: an approval that no takeover can follow would switch
        a node off for nothing.
        """
        fresh = bool(self._next_look) and self._clock.now() < self._next_look - LOOK + FRESH
        if fresh or self._level is not Level.ROLE or verdict.row not in NEEDS_SURVIVOR:
            return False
        self._next_look = 0.0
        self._let_database_look()
        return True

    def _judge(self, seen: Observation) -> Verdict:
        loss = self._remembered(seen)
        return judge(
            View(
                self._target,
                self._level,
                self._automatic,
                seen,
                approved=loss.approval,
                wish=loss.fresh_wish(seen),
                stale=loss.stale_wish(seen),
                confirmed=loss.confirmed(seen),
            )
        )

    def _remembered(self, seen: Observation) -> Loss:
        """Return the loss that is seen, remembered from its first sight."""
        loss = self._loss
        if loss is None:
            ring = self._cluster.ring()
            loss = self._memory.recall(ring) or self._first_sight(ring, seen)
        current = loss.without_withdrawn(seen)
        if current != self._loss:
            self._memory.keep(current)
            self._loss = current
        return current

    def _first_sight(self, ring: str, seen: Observation) -> Loss:
        """Return a loss that no call has seen before: what is there now is older than it.

        Unless the cluster's own records say that a move was asked for since the node was lost.
        """
        before = None
        if seen.wishes and seen.presence is Presence.LOST:
            before = self._cluster.wishes_at_loss(self._target)
        return Loss(ring, seen.wishes if before is None else before, seen.confirmations)

    def _let_database_look(self) -> None:
        """Let the survivor's database say whether it can take over.

        Pacemaker has cancelled its monitor: the promotion that waits for this very fencing is to
        follow.  What it said before the loss would let the operator's move go ahead, or hide that
        nothing would be lost.
        """
        now = self._clock.now()
        if self._level is Level.ROLE and now >= self._next_look:
            self._next_look = now + LOOK or LOOK
            self._cluster.look_anew(self._target)

    def _show(self, sentence: str) -> None:
        if sentence != self._shown:
            self._shown = sentence
            self._say(sentence)
            self._cluster.tell(sentence)

    def _end(self, verdict: Verdict, seen: Observation) -> None:
        self._say(verdict.sentence)
        if self._level is Level.ROLE:
            # Also what a call that was killed has left.
            self._cluster.tell("")
            if verdict.row == "back" and seen.role is not Role.ELSEWHERE:
                # As soon as this ends the node joins, its database not running yet: the survivor's
                # would be the only one to promote, though nobody asked for a failover.
                self._hold()
        if seen.presence is Presence.HERE or seen.role is Role.ELSEWHERE:
            self._memory.forget()
        elif verdict.row == "approved" and self._loss is not None:
            self._memory.keep(self._loss.approved(self._loss.fresh_wish(seen)))

    def _hold(self) -> None:
        try:
            self._cluster.hold(self._target)
        except HamnError as problem:
            # Its promotion then refuses by itself, which crm_mon lists as a failure.
            self._say(str(problem))

"""The primary's promise to its standby: no commit without you until you are proven down.

A lost primary can be taken over without loss, however late the operator comes, only if its standby
*knows* that nothing was committed without it.  A primary that is cut off cannot tell its standby
that it goes on alone.  So it does not: before it commits alone, the standby has been switched off
(or left in order, or a person said that it is down), or has itself given its right up.  That is
what DRBD calls fence-peer; a lease with an end, like Db2's peer window, would expire while the
operator sleeps.

The primary keeps the promise in a durable file (``Pledge``), written before the standby hears of
it.  The standby learns of it by a private attribute and remembers in /run what it has given up
(``Right``): a reboot ends the right.  Every promise has a token of its own, so that nothing that
an earlier one left behind can be taken for this one.
"""

from __future__ import annotations

import os
import time

from xcat_hamn.errors import HamnError
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.cluster.fate import Fate
    from xcat_hamn.database.postgresql.client import ServerState

#: What the primary told the standby: "WORD TOKEN", a private attribute of the standby's node.
PROMISE = "promise"
KEPT = "kept"  # nothing is committed without it until it is proven down or gives this up
CONFIRMED = "confirmed"  # as long as it is attached, nothing is committed without it
ASYNCHRONOUS = "asynchronous"  # attached, and not waited for
WITHDRAWN = "withdrawn"  # the primary asks for this promise back
#: What the primary shows as its own PROMISE: it is there.  Gone with its node, it costs the standby
#: no question of its own to notice that.
GIVER = "giver"
#: The token that the standby gave up, a private attribute of its own node.
GIVEN_UP = "given-up"

_HELD = "held"


class Right:
    """What this node, as a standby, was promised and has not given up."""

    def __init__(self, attributes: Attributes, run_directory: str, node: str) -> None:
        self._attributes = attributes
        self._path = f"{run_directory}/right"
        self._node = node
        self.giver_is_there = False

    def look(self) -> str:
        """Return what the primary told this node: KEPT, CONFIRMED, ASYNCHRONOUS or nothing.

        A promise that was replaced or is asked for back is given up here.  Afterwards
        ``giver_is_there`` tells whether a primary's node is a member.  Raises CommandFailed when
        the cluster does not say.
        """
        shown = self._attributes.shared_by_all(PROMISE)
        told = shown.pop(self._node, "")
        self.giver_is_there = GIVER in shown.values()
        word, _, token = told.partition(" ")
        state, mine = self._mine()
        if word == KEPT:
            if token != mine:
                self._store(_HELD, token)
            elif state != _HELD:
                # Repeated: this node's attributes may have been lost since.
                self._tell(mine)
                return ""
            return KEPT
        if state == _HELD:
            self.give_up()
        elif word == WITHDRAWN:
            self._store(GIVEN_UP, token)
            self._tell(token)
        return word if word in (CONFIRMED, ASYNCHRONOUS) else ""

    def release(self) -> None:
        """Give the promise up for the sake of a primary that is there, so that it can go on.

        One that is not could not hear of it; this node keeps what lets it take over.
        """
        try:
            self.look()
        except HamnError:
            self.giver_is_there = True
        if self.giver_is_there:
            self.give_up()

    def give_up(self) -> None:
        """Act on the promise no more, and say so."""
        state, token = self._mine()
        if not token:
            return
        if state == _HELD:
            self._store(GIVEN_UP, token)
        self._tell(token)

    def _mine(self) -> tuple[str, str]:
        state, _, token = (read_text(self._path) or "").strip().partition(" ")
        return state, token

    def _store(self, state: str, token: str) -> None:
        write_text(self._path, f"{state} {token}\n", mode=0o644)

    def _tell(self, token: str) -> None:
        self._attributes.share(GIVEN_UP, token)


class Pledge:
    """What this node, as the primary, has promised."""

    def __init__(
        self, attributes: Attributes, fate: Fate, durable_directory: str, run_directory: str
    ) -> None:
        self._attributes = attributes
        self._fate = fate
        self._path = f"{durable_directory}/pledge"
        self._sessions = f"{run_directory}/pledged"

    def read(self) -> tuple[str, list[str]]:
        """Return the token and the nodes that hold it; nothing is promised when there are none."""
        words = (read_text(self._path) or "").split()
        return (words[0], words[1:]) if words else ("", [])

    def make(self, sessions: Mapping[str, str]) -> str:
        """Promise anew to the nodes in ``sessions``, and return the token.

        ``sessions``: for each node what tells this connection of it from another.  The same
        sessions have the same promise.
        """
        nodes = sorted(sessions)
        shown = " ".join(f"{node}={sessions[node]}" for node in nodes)
        token, holders = self.read()
        if holders == nodes and read_text(self._sessions) == f"{token} {shown}":
            return token
        token = os.urandom(6).hex()
        write_text(self._path, f"{token} {' '.join(nodes)}\n", mode=0o644, durable=True)
        write_text(self._sessions, f"{token} {shown}", mode=0o644)
        return token

    def owed(self, candidates: Sequence[str] | None = None) -> list[str]:
        """Return the nodes that may still act on the promise (of ``candidates`` alone, if given).

        A cluster that does not answer proves nothing.
        """
        token, holders = self.read()
        nodes = holders if candidates is None else [n for n in holders if n in candidates]
        return [node for node in nodes if not self._is_free(token, node)]

    def _is_free(self, token: str, node: str) -> bool:
        try:
            if self._attributes.shared(GIVEN_UP, node) == token:
                return True
            return self._fate.is_proven_down(node)
        except HamnError:
            return False

    def withdraw(self, nodes: Sequence[str]) -> None:
        """Ask ``nodes`` to give the promise up; those that are there answer at their next check."""
        token, _ = self.read()
        for node in nodes:
            self._attributes.share(PROMISE, f"{WITHDRAWN} {token}", node=node)

    def settle(self) -> None:
        """Nobody can act on the promise any more.

        Should a power loss bring the file back, the same proof is asked for once more.
        """
        remove(self._path)
        remove(self._sessions)


class Promises:
    """Both sides of it on one node, and what is known of the fate of others."""

    def __init__(
        self,
        attributes: Attributes,
        fate: Fate,
        node: str,
        *,
        run_directory: str,
        durable_directory: str,
    ) -> None:
        self.fate = fate
        self.right = Right(attributes, run_directory, node)
        self.pledge = Pledge(attributes, fate, durable_directory, run_directory)
        self._contact = f"{run_directory}/contact"
        self._followed = f"{run_directory}/timeline"

    def note_timeline(self, state: ServerState) -> None:
        """Remember the timeline on which a primary has just confirmed this standby."""
        text = f"{state.started} {state.timeline}"
        if read_text(self._followed) != text:
            write_text(self._followed, text, mode=0o644)

    def correct_timeline(self, state: ServerState) -> None:
        """Give ``state`` the timeline that this run of the server was confirmed on, if higher.

        Once the primary has gone the server reports the one of its last restartpoint (seen with
        15: streaming on 9, and 8 after the loss of the primary).
        """
        started, _, timeline = (read_text(self._followed) or "").rpartition(" ")
        if started == state.started and timeline.isdecimal():
            state.timeline = max(state.timeline, int(timeline))

    def note_contact(self) -> None:
        """Remember that the primary was in contact now."""
        write_text(self._contact, f"{time.time():.0f}", mode=0o644)

    def last_contact(self) -> int:
        """Return when the primary was last seen in contact, in seconds since the epoch, or 0."""
        text = read_text(self._contact) or ""
        return int(text) if text.isdecimal() else 0

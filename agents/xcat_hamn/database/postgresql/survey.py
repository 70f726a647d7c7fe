"""From what the server and the cluster say to the ``View`` that the decision looks at."""

from __future__ import annotations

from xcat_hamn.cluster import fate, vocabulary
from xcat_hamn.database.postgresql import decision, promise
from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.cluster.fate import Fate
    from xcat_hamn.database.postgresql.client import ServerState

# Names under which nodes share numbers that do not belong in crm_mon.
TIMELINE = "timeline"  # of this node's data; kept while its database is stopped
POSITION = "position"  # "TIMELINE POSITION", while there is no primary to follow
SYSTEM = "system"  # the database's own identifier, the same on every copy of it
HANDOVER = "handover"  # on the standby's node: "pending" or "TIMELINE POSITION"
PENDING = "pending"
#: How far a standby without a primary goes: "TIMELINE POSITION LAST_CONTACT LAST_COMMIT", the last
#: two in seconds since the epoch (0: not known).
END = "end"
#: "TIMELINE POSITION": the end of data for which the operator accepted that more is lost.
CONSENT = "consent"

_PRIMARY_WORDS = ("primary", "primary-alone", "primary-waiting")
_STANDBY_WORDS = ("standby", "catching-up", "disconnected", "diverged")
_IDLE_WORDS = ("stopped", "preparing")


class Peer:
    """What one other node shows: its role, and how its data ranks against ours."""

    __slots__ = ("foreign", "name", "rank", "role", "timeline")

    def __init__(self, name: str, role: str, rank: str, timeline: str, foreign: bool) -> None:
        self.name = name
        self.role = role
        self.rank = rank
        self.timeline = timeline
        self.foreign = foreign


def parse_position(text: str | None) -> tuple[int, int] | None:
    """Return (timeline, position) from its shared form, None when it is not one."""
    words = (text or "").split()
    if len(words) == 2 and all(word.isdecimal() for word in words):
        return int(words[0]), int(words[1])
    return None


def rank_of(mine: tuple[int, int], other: tuple[int, int] | None) -> str:
    """Return how position ``mine`` (timeline, position) compares with ``other``."""
    if other is None:
        return decision.UNKNOWN
    if mine == other:
        return decision.SAME
    return decision.NEWER if mine > other else decision.OLDER


def handover_state(text: str | None, mine: tuple[int, int]) -> str:
    """Return which HANDOVER_* holds, given what the old primary left and what is here.

    One from before the timeline that is here has been used up: somebody was promoted since.
    """
    if text == PENDING:
        return decision.HANDOVER_PENDING
    position = parse_position(text)
    if position is None or mine[0] > position[0]:
        return decision.HANDOVER_NONE
    if mine[0] == position[0] and mine[1] >= position[1]:
        return decision.HANDOVER_REACHED
    return decision.HANDOVER_SHORT


def role_of(word: str | None, timeline: str | None) -> str:
    """Return the PEER_* role that attribute ``word`` means.

    A database that is stopped, but whose timeline is known, compares like a standby.  One that
    its agent could not read may be anything.
    """
    if word in _PRIMARY_WORDS:
        return decision.PEER_PRIMARY
    if word in _STANDBY_WORDS or (word in _IDLE_WORDS and timeline):
        return decision.PEER_STANDBY
    return decision.PEER_UNKNOWN


class Survey:
    """Collects the view of one node."""

    def __init__(
        self,
        attributes: Attributes,
        right: promise.Right,
        fates: Fate,
        node: str,
        peers: Sequence[str],
        divergence: Callable[[str, ServerState], str],
    ) -> None:
        """Take the parts.

        ``divergence`` asks a primary, and says how the log here has parted from its log.
        """
        self._attributes = attributes
        self._divergence = divergence
        self._right = right
        self._fate = fates
        self._node = node
        self._peers = list(peers)

    def _look_at(self, name: str, mine: tuple[int, int], system: str) -> Peer:
        timeline = self._attributes.shared(TIMELINE, name)
        role = role_of(self._attributes.published(vocabulary.DATABASE, name), timeline)
        if role != decision.PEER_STANDBY:
            return Peer(name, role, decision.UNKNOWN, decision.UNKNOWN, False)
        theirs = self._attributes.shared(SYSTEM, name)
        rank = rank_of(mine, parse_position(self._attributes.shared(POSITION, name)))
        known = timeline is not None and timeline.isdecimal()
        compared = decision.compare(mine[0], int(timeline or 0)) if known else decision.UNKNOWN
        return Peer(name, role, rank, compared, bool(theirs and system and theirs != system))

    def view(
        self, state: ServerState, claim: str, system: str, *, whole: bool = False
    ) -> decision.View:
        """Return the view of this node, whose server runs as a standby.

        The usual case, an attached and confirmed standby, costs one question to the cluster,
        unless the ``whole`` view is asked for.  Raises CommandFailed when the cluster's attribute
        manager does not answer: then nothing is known, which is not the same as nobody there.
        """
        if not self._peers:
            return decision.View(peer=decision.PEER_NONE, claim=claim)
        told = self._right.look()
        confirmed = told in (promise.KEPT, promise.CONFIRMED)
        asynchronous = told == promise.ASYNCHRONOUS
        followed = state.attached and self._right.giver_is_there
        if followed and (confirmed or asynchronous) and not whole:
            # Good enough for the score; a promotion looks whether that primary is still there.
            return decision.View(
                attached=True,
                asynchronous=asynchronous,
                confirmed=confirmed,
                peer=decision.PEER_PRIMARY,
                claim=claim,
            )
        mine = (state.timeline, state.position)
        peers = [self._look_at(name, mine, system) for name in self._peers]
        telling = most_telling(peers)
        handover = self._attributes.shared(HANDOVER, self._node)
        fates = self._fates(peers) if telling.role == decision.PEER_UNKNOWN else set()
        astray = telling.role == decision.PEER_PRIMARY and not state.attached
        return decision.View(
            accepted=self._accepted(mine, telling),
            attached=state.attached,
            asynchronous=asynchronous,
            confirmed=confirmed,
            divergence=self._divergence(telling.name, state) if astray else "",
            back=fate.MEMBER in fates,
            down=bool(fates) and fates == {fate.DOWN},
            foreign=telling.foreign,
            handover=handover_state(handover, mine),
            kept=told == promise.KEPT,
            node=self._node,
            peer=telling.role,
            peer_name=telling.name,
            rank=telling.rank,
            timeline=telling.timeline,
            claim=claim,
        )

    def _accepted(self, mine: tuple[int, int], telling: Peer) -> bool:
        if telling.role == decision.PEER_PRIMARY:
            return False
        return parse_position(self._attributes.shared(CONSENT, self._node)) == mine

    def _fates(self, peers: Sequence[Peer]) -> set[str]:
        """Return what became of the nodes that show no database."""
        unseen = [peer.name for peer in peers if peer.role == decision.PEER_UNKNOWN]
        try:
            return {self._fate.of(name) for name in unseen}
        except HamnError:
            return {fate.UNKNOWN}


def most_telling(peers: Sequence[Peer]) -> Peer:
    """Return the peer that decides: a primary, else one unseen, else the one with newest data."""
    ranks = (decision.OLDER, decision.UNKNOWN, decision.SAME, decision.NEWER)
    roles = (decision.PEER_PRIMARY, decision.PEER_UNKNOWN, decision.PEER_STANDBY)
    return min(peers, key=lambda peer: (roles.index(peer.role), ranks.index(peer.rank)))

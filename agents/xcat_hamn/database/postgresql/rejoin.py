"""How a server comes back to a cluster that has another primary now.

It is started as a standby, which recovers it from a crash, and only then is the end of its log
known and compared with the primary's.  A beginning of that log follows at once.  One that has
diverged cannot: what it has alone is set aside first, if parameter ``rejoin`` or an order
(``xcat-hamn rejoin``) says so, or if no transaction was ever committed there.  Otherwise the server
is held apart, so that it does not knock at the primary twice a second.
"""

from __future__ import annotations

import time

from xcat_hamn.cluster import vocabulary
from xcat_hamn.database.postgresql import decision, history, survey
from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.database.postgresql.claim import Claim
    from xcat_hamn.database.postgresql.history import Comparison
    from xcat_hamn.database.postgresql.lineage import Lineage
    from xcat_hamn.database.postgresql.replication import Replication
    from xcat_hamn.database.postgresql.rewind import Rewind
    from xcat_hamn.database.postgresql.server import Server
    from xcat_hamn.ocf.log import Log

#: Private attribute of a node: what was ordered there, then why it could not be obeyed.
ORDER = "rejoin"
FAILED = "failed: "
REWIND, COPY, HOLD, FOLLOW = "rewind", "copy", "hold", "follow"


class Order:
    """What an operator ordered for the data that ends at ``end`` of ``timeline``."""

    __slots__ = ("end", "kind", "timeline")

    def __init__(self, kind: str, timeline: int, end: int) -> None:
        self.kind = kind
        self.timeline = timeline
        self.end = end

    def __str__(self) -> str:
        return f"{self.kind} {self.timeline} {self.end}"


def parse_order(text: str | None) -> Order | None:
    """Return the order in ``text``, None when there is none."""
    words = (text or "").split()
    if len(words) == 3 and words[0] in (REWIND, COPY) and all(w.isdecimal() for w in words[1:]):
        return Order(words[0], int(words[1]), int(words[2]))
    return None


def choose(comparison: Comparison, commits: int | None, order: Order | None, auto: bool) -> str:
    """Return what becomes of a server whose log relates to the primary's by ``comparison``.

    ``commits``: how many transactions exist only here, None when not known.  An order holds for
    the data that it was given for, and for no other; the timeline that it names may be the older
    one that a standby without a primary reports.
    """
    mine = comparison.mine
    fits = order is not None and order.end == mine.end and order.timeline <= mine.timeline
    ordered = order.kind if order and fits else ""
    if ordered == COPY:
        return COPY
    if comparison.relation != history.DIVERGED:
        return FOLLOW
    return REWIND if ordered == REWIND or auto or commits == 0 else HOLD


class Rejoin:
    """One start of a server, on ``node``, with all that it needs to come back.

    ``auto``: set aside what only this node has without being told to.  ``prepare`` tells the
    cluster that the database is being worked on, ``copy`` fills an absent data directory.
    """

    def __init__(
        self,
        *,
        server: Server,
        replication: Replication,
        attributes: Attributes,
        claim: Claim,
        lineage: Lineage,
        rewind: Rewind,
        log: Log,
        auto: bool,
        prepare: Callable[[], None],
        copy: Callable[[], None],
    ) -> None:
        self._server = server
        self._replication = replication
        self._attributes = attributes
        self._claim = claim
        self._lineage = lineage
        self._rewind = rewind
        self._log = log
        self._auto = auto
        self._prepare = prepare
        self._copy = copy

    def start(self) -> None:
        """Start the server as a standby that follows the primary, or is held apart from it.

        Raises CommandFailed or DeadlineExceeded when there is no server then.
        """
        follow = not self._lineage.parted_on_disk()
        self._server.start_as_standby(self._replication.settings(follow=follow))
        if not self._replication.peers:
            return
        try:
            order = self._order()
            peer = self._primary()
        except HamnError as problem:
            # The monitors look again.
            self._log.warning(f"whether this log has diverged is not known: {problem}")
            return
        if peer:
            self._come_back(peer, order, held=not follow)
        elif order:
            self._answer("no other node is the primary, so there is nothing to follow")

    def _primary(self) -> str:
        """Return the peer that shows a primary, empty when none does."""
        for peer in self._replication.peers:
            word = self._attributes.published(vocabulary.DATABASE, peer)
            if survey.role_of(word, None) == decision.PEER_PRIMARY:
                return peer
        return ""

    def _order(self) -> Order | None:
        """Return what was ordered for this node, to be obeyed once."""
        node = self._replication.node
        order = parse_order(self._attributes.shared(ORDER, node))
        if order is not None:
            self._attributes.share(ORDER, "")
        return order

    def _answer(self, problem: str) -> None:
        """Leave ``problem`` for the operator whose order could not be obeyed."""
        said = " ".join(problem.split()).replace('"', "'")
        self._attributes.share(ORDER, FAILED + said)

    def _come_back(self, peer: str, order: Order | None, *, held: bool) -> None:
        state = self._server.client.server_state()
        comparison = self._lineage.compare(peer, state)
        sentence = self._lineage.divergence(peer, state)
        commits = self._lineage.commits(comparison) if sentence else None
        chosen = choose(comparison, commits, order, self._auto)
        self._log.info(f"{sentence or comparison.sentence(peer)}: {chosen}")
        if order and chosen in (FOLLOW, HOLD):
            self._answer(f"the order was for other data ({order}); {comparison.sentence(peer)}")
        if chosen == HOLD and held:
            return
        if chosen == FOLLOW and not (held and comparison.can_follow):
            return
        self._server.stop()
        if chosen in (REWIND, COPY):
            follow = self._bring_in_line(chosen, comparison, peer, order)
        else:
            follow = chosen == FOLLOW
        self._server.start_as_standby(self._replication.settings(follow=follow))

    def _bring_in_line(
        self, how: str, comparison: Comparison, peer: str, order: Order | None
    ) -> bool:
        """Make the stopped server's data a beginning of the primary's; tell whether it is.

        Raises CommandFailed when there is no data left in place, and no copy to be had.
        """
        from xcat_hamn.database.postgresql.rewind import HalfRewound, discard_rewind

        # Whatever happens from here on, nobody needs to ask this node for the newest data.
        self._claim.write(decision.CLAIM_FOLLOWING)
        self._lineage.note_try(comparison)
        self._prepare()
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        try:
            if how == COPY:
                kept = self._rewind.copy(comparison, peer, when)
            else:
                kept = self._rewind.rewind(comparison, peer, when)
        except HalfRewound as problem:
            self._log.warning(f"{problem}: copying the database of {peer} instead")
            self._copy()
            discard_rewind(self._server.installation)
        except HamnError as problem:
            self._log.warning(f"not brought in line with {peer}: {problem}")
            if order:
                self._answer(str(problem))
            return False
        else:
            self._log.info(f"follows {peer} now; what only this node had is kept in {kept}")
        return True

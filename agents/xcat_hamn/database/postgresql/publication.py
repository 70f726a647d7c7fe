"""What this node tells the cluster about its database, and what it commits itself to by that.

Others decide by it, so the order matters: a claim is given up before anything is shown that lets
another node do without this one, and what another node might still act upon is taken back before
this one becomes the primary.
"""

from __future__ import annotations

from xcat_hamn.cluster import vocabulary
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.postgresql import decision, promise, survey
from xcat_hamn.database.postgresql.lineage import DIVERGED
from xcat_hamn.database.postgresql.supervision import NOT_CONFIRMED
from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.database.postgresql.claim import Claim
    from xcat_hamn.database.postgresql.client import Client, ServerState
    from xcat_hamn.database.postgresql.lineage import Lineage
    from xcat_hamn.database.postgresql.promise import Promises
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: Seconds for which a change is given to come back from the cluster, and how often it is asked.
_ECHO_SECONDS, _ECHO_EVERY = 5.0, 0.02


class Publication:
    """The attributes and the score of one node's database."""

    def __init__(
        self,
        attributes: Attributes,
        claim: Claim,
        client: Client,
        deadline: Deadline,
        log: Log,
        promises: Promises,
        lineage: Lineage,
        node: str,
        peers: Sequence[str],
    ) -> None:
        self._attributes = attributes
        self._promises = promises
        self._claim = claim
        self._client = client
        self._deadline = deadline
        self._log = log
        self._node = node
        self._peers = list(peers)
        self._survey = survey.Survey(
            attributes, promises.right, promises.fate, node, peers, lineage.divergence
        )

    def _system_identifier(self) -> str:
        rows = self._client.ask("SELECT system_identifier FROM pg_control_system()")
        return str(rows[0][0])

    # -- a standby -------------------------------------------------------------------------

    def standby(self, state: ServerState) -> None:
        """Publish role, limit and score of a standby, and what others compare themselves with.

        Raises CommandFailed when the database does not answer; a cluster that does not is logged,
        and what it was told before stays.
        """
        system = "" if state.attached else self._system_identifier()
        self._promises.correct_timeline(state)
        claim = self._claim.read(state.timeline)
        try:
            view = self._survey.view(state, claim, system)
        except CommandFailed as problem:
            self._log.warning(f"nothing is published: {problem}")
            return
        verdict = decision.judge(view)
        if state.attached and view.confirmed and verdict.word == "standby":
            self._promises.note_timeline(state)
        # What others compare themselves with comes before the word that makes them look at it.
        self._attributes.share(survey.TIMELINE, str(state.timeline))
        if system:
            self._attributes.share(survey.SYSTEM, system)
        position = f"{state.timeline} {state.position}" if self._may_compare(view, state) else ""
        self._attributes.share(survey.POSITION, position)
        if not view.divergence:
            self._attributes.share(DIVERGED, "")
        self._attributes.publish(vocabulary.DATABASE, verdict.word)
        self._attributes.publish(vocabulary.DATABASE_LIMIT, verdict.limit)
        self._attributes.score(verdict.score)
        self._show_end(state)

    def _show_end(self, state: ServerState) -> None:
        """Show how far this node's data goes, for the operator who asks what would be lost."""
        end = ""
        if state.attached:
            self._promises.note_contact()
        else:
            try:
                commit = self._client.last_commit()
            except CommandFailed as problem:
                self._log.warning(str(problem))
                return
            contact = self._promises.last_contact()
            end = f"{state.timeline} {state.position} {contact} {commit}"
        self._attributes.share(survey.END, end)

    def _may_compare(self, view: decision.View, state: ServerState) -> bool:
        """Tell whether to show how far the data goes, with the claim that this leaves stored.

        A node that sees the position of this one may be promoted from then on, so this one can no
        longer say that nobody is newer; with nobody there to see it, it says nothing.  A node on
        an older timeline cannot be promoted by it.
        """
        if view.peer == decision.PEER_PRIMARY:
            self._claim.write(decision.CLAIM_FOLLOWING)
            # Whoever was promised something gave it up before becoming the primary.
            self._promises.pledge.settle()
            return False
        if view.claim not in decision.EXCLUSIVE:
            return True
        if view.peer != decision.PEER_STANDBY:
            return False
        if view.timeline == decision.NEWER:
            return True
        if view.claim == decision.CLAIM_ALONE or view.rank in (decision.SAME, decision.NEWER):
            self._claim.write(decision.CLAIM_LEADING, state.timeline)
            return True
        if view.rank == decision.UNKNOWN and self._node > min(self._peers):
            return False  # Of two that the cluster never managed before, this one shows later.
        self._claim.write(decision.CLAIM_FOLLOWING)
        return True

    def judge_promotion(self) -> decision.Verdict:
        """Return whether this node may become the primary now.

        Raises CommandFailed when the database or the cluster does not answer.
        """
        state = self._client.server_state()
        self._promises.correct_timeline(state)
        claim = self._claim.read(state.timeline)
        view = self._survey.view(state, claim, self._system_identifier(), whole=True)
        return decision.judge_promotion(view)

    def refuse(self, limit: str) -> None:
        """Gate this node with the sentence ``limit``."""
        self._attributes.score(GATED)
        self._attributes.publish(vocabulary.DATABASE_LIMIT, limit)

    # -- a primary -------------------------------------------------------------------------

    def before_promotion(self, owed: Sequence[str]) -> None:
        """Take back what another node could act upon once this one goes on without it.

        Those in ``owed`` keep what they were promised: commits will wait for them.  Raises
        CommandFailed when the cluster does not take it; nothing must be promoted then.
        """
        self._promises.right.give_up()
        for peer in self._peers:
            if peer not in owed:
                self._attributes.publish(vocabulary.DATABASE_SYNC, NOT_CONFIRMED, node=peer)
                self._withdraw(promise.PROMISE, peer)
            self._withdraw(survey.HANDOVER, peer)
        if self._peers:
            self._withdraw(survey.POSITION, self._node)

    def _withdraw(self, name: str, node: str) -> None:
        if self._attributes.shared(name, node) is None:
            return
        taken = self._attributes.share(name, "", node=node)
        # It is seen here when the messages of the cluster have carried it, to the others as well.
        patience = self._deadline.sooner(_ECHO_SECONDS)
        gone = taken and patience.holds(
            lambda: self._attributes.shared(name, node) is None, every=_ECHO_EVERY
        )
        if not gone:
            raise CommandFailed(
                f"not promoted: the cluster did not take back the {name} of {node}, by which "
                f"another node could become a primary too: see whether Pacemaker works on {node}"
            )

    def promoted(self, state: ServerState) -> None:
        """Publish that this node has just become the primary."""
        # The other node wrote some of this node's attributes meanwhile.
        self._attributes.forget()
        self._attributes.share(survey.TIMELINE, str(state.timeline))
        self._attributes.score(decision.PRIMARY_SCORE)
        self._attributes.publish(vocabulary.DATABASE, "primary-alone")
        self._attributes.publish(vocabulary.DATABASE_LIMIT, "")
        self._attributes.publish(vocabulary.DATABASE_SYNC, "", node=self._node)

    def primary(self, state: ServerState, word: str, owed: Sequence[str] = ()) -> None:
        """Publish ``word`` of a primary, and take back what belongs to a standby.

        Commits wait for the absent nodes in ``owed``.
        """
        names = " and ".join(owed)
        limit = (
            f"commits wait, for {names} was lost and could take over with what it has: see that it "
            f"is switched off, or bring it back (`pcs stonith confirm` once you have seen it off)"
        )
        self._attributes.publish(vocabulary.DATABASE, word)
        self._attributes.publish(vocabulary.DATABASE_LIMIT, limit if owed else "")
        self._attributes.share(survey.END, "")
        self._attributes.share(survey.CONSENT, "")
        self._attributes.share(DIVERGED, "")
        self._attributes.publish(vocabulary.DATABASE_SYNC, "", node=self._node)
        self._attributes.share(promise.PROMISE, promise.GIVER)
        self._attributes.share(survey.TIMELINE, str(state.timeline))
        self._attributes.share(survey.POSITION, "")
        for node in (self._node, *self._peers):
            self._attributes.share(survey.HANDOVER, "", node=node)

    def handing_over(self, peers: Sequence[str]) -> None:
        """Announce to ``peers`` that the last position of this primary will follow."""
        self._attributes.share(promise.PROMISE, "")
        for peer in peers:
            self._attributes.share(survey.HANDOVER, survey.PENDING, node=peer)

    def handed_over(self, peers: Sequence[str], position: tuple[int, int] | None) -> None:
        """Tell ``peers`` the last (timeline, position) of this primary, None when not known."""
        left = f"{position[0]} {position[1]}" if position else ""
        for peer in peers:
            self._attributes.share(survey.HANDOVER, left, node=peer)

    # -- no server -------------------------------------------------------------------------

    def preparing(self) -> None:
        """Publish that the database is being copied here."""
        self._attributes.publish(vocabulary.DATABASE, "preparing")
        self._attributes.share(survey.TIMELINE, "0")
        self._attributes.share(survey.POSITION, "")

    def stopped(self) -> None:
        """Publish that the database was stopped."""
        self._attributes.score("")
        self._attributes.publish(vocabulary.DATABASE, "stopped")
        self._attributes.publish(vocabulary.DATABASE_LIMIT, "")

    def word(self, word: str) -> None:
        """Publish ``word`` alone."""
        self._attributes.publish(vocabulary.DATABASE, word)

"""What this node tells the cluster about its Db2 database.

Others decide by it, so the order matters: what another node could still act upon is taken back
before this one becomes the primary.
"""

from __future__ import annotations

from xcat_hamn.cluster import vocabulary
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.db2 import decision, hadr, rows, survey
from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.database.db2.survey import Survey
    from xcat_hamn.database.db2.term import Term
    from xcat_hamn.database.db2.view import View
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: Seconds for which a change is given to come back from the cluster, and how often it is asked.
_ECHO_SECONDS, _ECHO_EVERY = 5.0, 0.02


class Publication:
    """The attributes and the score of one node's database."""

    def __init__(
        self,
        attributes: Attributes,
        views: Survey,
        term: Term,
        deadline: Deadline,
        log: Log,
        node: str,
        peers: Sequence[str],
    ) -> None:
        self._attributes = attributes
        self._survey = views
        self._term = term
        self._deadline = deadline
        self._log = log
        self._node = node
        self._peers = list(peers)

    def look(self, found: hadr.Hadr | None, *, promoted: bool) -> View | None:
        """Return the view, None when the cluster does not answer; then nothing changes."""
        try:
            return self._survey.view(found, promoted=promoted)
        except CommandFailed as problem:
            self._log.warning(f"nothing is published: {problem}")
            return None

    def show(self, found: hadr.Hadr | None, view: View) -> decision.Verdict:
        """Publish word, limit, score and data of a database that shows ``found``; None: idle."""
        verdict = decision.judge(view)
        word, limit = verdict.word, verdict.limit
        if verdict.how == rows.NOTHING and found is not None:
            word, limit = of_a_primary(found, view.peer_name)
            self._taken_back()
            if not self._term.read():
                # It led before the cluster came; from here on that can be told.
                self._term.write(1)
        # What others compare themselves with comes before the word that makes them look at it.
        followed = survey.is_followed(view)
        data = survey.data_of(found, self._term.read(), followed=followed)
        self._attributes.share(survey.DATA, str(data))
        self._attributes.share(survey.TIMELINE, str(data.term) if found is None else "")
        self._attributes.publish(vocabulary.DATABASE, word)
        self._attributes.publish(vocabulary.DATABASE_LIMIT, limit)
        self._attributes.score(verdict.score)
        current = followed or verdict.how == rows.NOTHING
        self._attributes.share(survey.END, "" if current else self._survey.end_of(found))
        return verdict

    def _taken_back(self) -> None:
        """Take back what belongs to a standby."""
        self._attributes.share(survey.CONSENT, "")
        for node in (self._node, *self._peers):
            self._attributes.share(survey.HANDOVER, "", node=node)

    def refuse(self, limit: str) -> None:
        """Gate this node with the sentence ``limit``."""
        self._attributes.score(GATED)
        self._attributes.publish(vocabulary.DATABASE_LIMIT, limit)

    def before_promotion(self) -> None:
        """Take back what lets another node become the primary beside this one.

        Raises CommandFailed when the cluster does not take it; nothing must be promoted then.
        """
        for node in self._peers:
            if self._attributes.shared(survey.HANDOVER, node) is None:
                continue
            taken = self._attributes.share(survey.HANDOVER, "", node=node)
            if not (taken and self._gone(node)):
                raise CommandFailed(
                    f"not promoted: the cluster did not take back what lets {node} become the "
                    f"primary too: see whether Pacemaker works on {node}"
                )

    def _gone(self, node: str) -> bool:
        """Tell whether the cluster carried it; it is seen here when the others have it too."""
        patience = self._deadline.sooner(_ECHO_SECONDS)
        return patience.holds(
            lambda: self._attributes.shared(survey.HANDOVER, node) is None, every=_ECHO_EVERY
        )

    def promoted(self, found: hadr.Hadr) -> None:
        """Raise the term, and publish that this node has just become the primary."""
        term = self._term.read()
        if self._peers:
            theirs = self._survey.peer()[1]
            term = max(term, theirs.term if theirs else 0)
        self._term.write(term + 1)
        # The other node wrote some of this node's attributes meanwhile.
        self._attributes.forget()
        self._attributes.share(survey.DATA, str(survey.data_of(found, term + 1)))
        self._attributes.score(rows.PRIMARY_SCORE)
        self._attributes.publish(vocabulary.DATABASE, of_a_primary(found, "")[0])
        self._attributes.publish(vocabulary.DATABASE_LIMIT, "")
        self._taken_back()

    def handed_over(self, position: int) -> None:
        """Tell the standby what this primary had when it ended cleanly, in PEER with it."""
        for node in self._peers:
            self._attributes.share(survey.HANDOVER, f"{self._term.read()} {position}", node=node)

    def stopped(self, limit: str = "", *, leads: bool = False) -> None:
        """Publish that the database was stopped; with ``limit``, because it has diverged.

        ``leads``: it was the primary, and is about to be that again.
        """
        self._attributes.score(rows.LEADING_SCORE if leads else "")
        for name in (survey.DATA, survey.TIMELINE, survey.END):
            self._attributes.share(name, "")
        self._attributes.publish(vocabulary.DATABASE, "diverged" if limit else "stopped")
        self._attributes.publish(vocabulary.DATABASE_LIMIT, limit)

    def word(self, word: str) -> None:
        """Publish ``word`` alone, of a database that others must not take for what it was."""
        self._attributes.share(survey.DATA, "")
        self._attributes.publish(vocabulary.DATABASE, word)


def of_a_primary(found: hadr.Hadr, peer: str) -> tuple[str, str]:
    """Return crm_mon's word for a primary, and what it waits for."""
    if found.attached and found.state == hadr.PEER:
        return "primary", ""
    if found.state == hadr.DISCONNECTED_PEER:
        end = decision.moment(found.peer_window_end)
        return "primary-waiting", f"commits wait until {end}, for the standby on {peer} was lost"
    return "primary-alone", ""

"""How a database becomes the primary, and how it ceases to be."""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.database.db2 import decision, hadr, rows, survey
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.database.db2.marks import IDLE, PROMOTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.database.db2.marks import Marks
    from xcat_hamn.database.db2.publication import Publication
    from xcat_hamn.database.db2.survey import Survey
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: Verdicts that a promotion waits out: what they are about is still under way.
_UNSETTLED = (decision.NOT_PROVEN_DOWN, "not attached", "other standby not yet compared")
#: Seconds for which it does so, and how often it looks.
_PATIENCE, _EVERY = 40.0, 0.5
#: How often a promotion judges anew after Db2 has refused a command.
_ATTEMPTS = 3
#: What is left of the time, for looking at what became of a command that hangs.
_SHARE = 0.7

_COMMANDS = {
    rows.PLAIN: "TAKEOVER HADR ON DATABASE {}",
    rows.FORCE_IN_WINDOW: "TAKEOVER HADR ON DATABASE {} BY FORCE PEER WINDOW ONLY",
    rows.FORCE: "TAKEOVER HADR ON DATABASE {} BY FORCE",
    rows.START: "START HADR ON DATABASE {} AS PRIMARY",
    rows.START_ALONE: "START HADR ON DATABASE {} AS PRIMARY BY FORCE",
}


class Roles:
    """The changes of one node's role."""

    def __init__(
        self,
        instance: Instance,
        views: Survey,
        publication: Publication,
        marks: Marks,
        deadline: Deadline,
        log: Log,
        node: str,
    ) -> None:
        self._instance = instance
        self._survey = views
        self._publication = publication
        self._marks = marks
        self._deadline = deadline
        self._log = log
        self._node = node

    def promote(self) -> None:
        """Make this database the primary, if that loses nothing, and read the role back.

        A command that Db2 refuses, or that hangs, is judged anew: the partner may have died, or
        the peer window have ended meanwhile.  Raises Refused, with the score gated, CommandFailed
        or CommandTimeout.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            verdict = self._require_promotable()
            if verdict.how == rows.NOTHING:
                break
            self._publication.before_promotion()
            self._log.info(f"promoting: {verdict.row}: {verdict.how}")
            command = _COMMANDS[verdict.how].format(self._instance.database)
            try:
                self._instance.db2(command, self._deadline.left() * _SHARE)
                break
            except (CommandRefused, errors.CommandTimeout) as problem:
                if self._primary() is not None:
                    break
                if attempt == _ATTEMPTS:
                    raise
                self._log.warning(f"{problem}; judging anew")
        found = self._primary()
        if found is None:
            raise errors.CommandFailed(
                f"the database on {self._node} is not the primary, although Db2 accepted the "
                "command: look at `db2pd -hadr` and db2diag.log there"
            )
        self._marks.drop(IDLE)
        self._marks.put(PROMOTED)
        self._publication.promoted(found)

    def _primary(self) -> hadr.Hadr | None:
        _, found = self._instance.look()
        return found if found is not None and found.role == hadr.PRIMARY else None

    def _require_promotable(self) -> decision.Verdict:
        verdicts: list[decision.Verdict] = []

        def settled() -> bool:
            condition, found = self._instance.look()
            if found is None and not (condition == hadr.NOT_ACTIVATED and self._marks.has(IDLE)):
                raise errors.CommandFailed(
                    f"the database on {self._node} is not active: look at db2diag.log there"
                )
            view = self._survey.view(found, promoted=self._marks.has(PROMOTED))
            verdicts[:] = [decision.judge_promotion(view)]
            return verdicts[0].row not in _UNSETTLED

        seconds = min(_PATIENCE, self._deadline.left() / 2)
        self._deadline.sooner(seconds).holds(settled, every=_EVERY)
        verdict = verdicts[0]
        if not verdict.promotable:
            self._publication.refuse(verdict.limit)
            raise errors.Refused(f"not promoted: {verdict.limit}")
        return verdict

    def demote(self, *, stays: bool = False) -> None:
        """Leave no writable primary; one that its standby follows becomes a standby at once.

        With ``stays`` it keeps its role, and its claim to be promoted again.  Raises CommandFailed
        when the database stays active.
        """
        condition, found = self._instance.look()
        if condition == INSTANCE_DOWN or found is None or found.role != hadr.PRIMARY:
            self._marks.drop(PROMOTED)
            return
        self._instance.deactivate(self._deadline.sooner(self._deadline.left() / 2))
        self._marks.put(IDLE)
        self._marks.drop(PROMOTED)
        if is_followed(found) and not stays:
            self._step_down(found)
        _, found = self._instance.look()
        view = self._publication.look(found, promoted=False)
        if view is not None:
            self._publication.show(found, view)

    def _step_down(self, last: hadr.Hadr) -> None:
        """Follow whoever comes next, and tell the standby how far the log of this one went.

        With a peer window, whatever came after the last look is there too; without one only this
        log's own end, as it shows when it is a standby's, tells.
        """
        end = last.primary_log[2] if last.primary_log else None
        exact = last.syncmode in hadr.WAITING_MODES and bool(last.peer_window)
        try:
            self._instance.start_as_standby()
            self._marks.drop(IDLE)
            if not exact:
                _, found = self._instance.look()
                own = survey.position_of(found) if found is not None else 0
                end, exact = max(end or 0, own), own > 0
        except errors.HamnError as problem:
            # It is inactive, so nobody writes; the next start makes it a standby.
            self._log.warning(str(problem))
        if end is not None and exact:
            self._publication.handed_over(end)


def is_followed(found: hadr.Hadr) -> bool:
    """Tell whether the standby of a primary gets what is written as it is written."""
    streams = (hadr.PEER, hadr.REMOTE_CATCHUP if found.syncmode == "SUPERASYNC" else hadr.PEER)
    return found.attached and found.state in streams

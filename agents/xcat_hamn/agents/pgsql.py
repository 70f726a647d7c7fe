"""ocf:heartbeat:xcat-pgsql: which action does what."""

from __future__ import annotations

import time

from xcat_hamn import __version__, errors
from xcat_hamn.agents.failures import Failures
from xcat_hamn.agents.pgsql_parameters import AUTO, PARAMETERS, PROVEN
from xcat_hamn.agents.pgsql_parts import Parts
from xcat_hamn.database.postgresql import decision
from xcat_hamn.database.postgresql.client import standby_names
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.declaration import Action, Agent
from xcat_hamn.system.backoff import Backoff
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.postgresql.client import ServerState

#: Seconds after a promotion between which the primary's monitor waits for the standby to attach, so
#: that the way back opens soon, and how long one monitor waits at most.  Before that it changes
#: nothing: an attribute that changes aborts Pacemaker's transition, and the services start only
#: when the operations under way have ended (it cost 0.5 to 1.5 s of outage).
_CALM, _YOUNG, _PATIENCE = 3.0, 60.0, 4.0
#: Verdicts that a promotion waits out: the old primary's last words are still on their way.
_UNSETTLED = (
    decision.OTHER_PRIMARY,
    decision.NOT_PROVEN_DOWN,
    "handover under way",
    "handover incomplete",
)
#: Seconds for which it waits for the last words of one that may have been killed while it was
#: demoted: without them this node may lack log records that nobody was told of.
_LAST_WORDS = 3.0
#: Seconds for which a monitor bears with a server that does not answer (a crash recovery after a
#: backend died takes about one).
_ANSWER_PATIENCE = 5.0


class Pgsql(Parts):
    """The actions of xcat-pgsql."""

    # -- monitor ---------------------------------------------------------------------------

    def monitor(self) -> int:
        """Read the role from the server, publish it, and keep the promotion score true."""
        if self.installation.postmaster_pid() is None:
            if self.call.context.is_probe:
                return codes.NOT_RUNNING
            self.publication.word("stopped")
            raise errors.NotRunning(
                f"PostgreSQL is not running on {self.installation.pgdata}: see its log in "
                "/var/log/xcat-hamn for why it ended"
            )
        state = self._state()
        if state.in_recovery:
            self.publication.standby(state)
            if self.lineage.is_due(self.call.values.text("rejoin") == AUTO):
                raise errors.CommandFailed(
                    "this database has parted from the primary's since it was started: it is "
                    "restarted, which brings it in line"
                )
            return codes.SUCCESS
        return self._monitor_primary(state)

    def _state(self, seconds: float = _ANSWER_PATIENCE) -> ServerState:
        """Return the server's state, bearing with a silence of ``seconds``.

        Raises CommandFailed.
        """
        patience = self.call.deadline.sooner(seconds)
        while True:
            try:
                return self.client.server_state()
            except errors.CommandFailed:
                if patience.left() <= 0 or self.installation.postmaster_pid() is None:
                    self.publication.word("failed")
                    raise
                time.sleep(0.2)

    def _monitor_primary(self, state: ServerState) -> int:
        from xcat_hamn.database.postgresql.supervision import Supervision

        call = self.call
        keeper = Supervision(
            self.client,
            self.attributes,
            self.claim,
            self.promises.pledge,
            call.deadline,
            call.log,
            self.peers,
            promising=call.values.text("commit_alone") == PROVEN,
        )
        self.attributes.score(decision.PRIMARY_SCORE)
        self._failures().note()
        age = self._age()
        if 0 <= age < _CALM:
            return codes.RUNNING_PROMOTED
        young = bool(self.peers) and 0 <= age < _YOUNG
        if young:
            from xcat_hamn.database.postgresql.source import make_ready

            make_ready(self.client, self.replication.user, state.timeline, call.log)
        ready = keeper.keep(state, call.values.flag("synchronous"), _PATIENCE if young else 0.0)
        word = "primary" if ready else "primary-waiting" if keeper.owed else "primary-alone"
        self.publication.primary(state, word, keeper.owed)
        if self.peers and not ready and call.values.flag("report_degraded"):
            return codes.DEGRADED_PROMOTED
        return codes.RUNNING_PROMOTED

    def _age(self) -> float:
        """Return the seconds since the promotion; out of range when that is not known."""
        return time.monotonic() - float(read_text(self._stamp()) or "-inf")

    def _stamp(self) -> str:
        return f"{self.call.context.run_directory}/promoted"

    # -- start and stop --------------------------------------------------------------------

    def start(self) -> None:
        """Start the server as a standby, from a copy of another node's if there is none here."""
        self._require_member()
        server = self.server()
        if self.installation.postmaster_pid() is not None:
            # It may be in the middle of a long recovery, from a start that was given up.
            state = self._state(self.call.deadline.left())
            if state.in_recovery:
                self.claim.settle(self.installation.was_standby)
                self.publication.standby(state)
                return
            self.call.log.info("PostgreSQL runs as a primary that nobody promoted: restarting it")
            server.stop()
        if self.installation.is_empty():
            self._copy()
        self.installation.require_usable()
        self.claim.settle(self.installation.was_standby)
        failures = Backoff(f"{self.call.context.run_directory}/failed-starts")
        try:
            self.rejoin(self._copy).start()
        except errors.CommandFailed:
            failures.failed(self.call.deadline)
            raise
        failures.succeeded()
        self.publication.standby(self.client.server_state())

    def _require_member(self) -> None:
        if self.node not in dict(w.split("=", 1) for w in self.call.values.words("nodes")):
            raise errors.NodeError(
                f"this node is {self.node}, which parameter nodes does not name: add "
                f"{self.node}=ADDRESS to it, or keep the resource away from this node"
            )

    def _copy(self) -> None:
        """Copy the database from a peer; its server may just be starting, so be patient."""
        from xcat_hamn.database.postgresql.replication import copy_patiently
        from xcat_hamn.database.postgresql.rewind import discard_rewind

        self.claim.write(decision.CLAIM_FOLLOWING)
        self.publication.preparing()
        call = self.call
        copy_patiently(self.replication, self.installation, call.deadline, self.progress, call.log)
        discard_rewind(self.installation)

    def stop(self) -> None:
        """Stop the server; a demoted or crashed one, so nothing is handed over here."""
        from xcat_hamn.database.postgresql.replication import discard_copy
        from xcat_hamn.database.postgresql.rewind import end_rewind

        try:
            discard_copy(self.installation)
            end_rewind(self.installation)
        except errors.HamnError as problem:
            # What is left of a copy is no database: no reason to have this node fenced.
            self.call.log.warning(str(problem))
        self.server().stop()
        remove(self._stamp())
        self.promises.right.release()
        self.publication.stopped()

    # -- promote and demote ----------------------------------------------------------------

    def promote(self) -> None:
        """Make this server the primary, if that loses nothing; the score says so beforehand."""
        state = self._state()
        if state.in_recovery:
            self._require_promotable()
            self._become_primary(state)
            state = self.client.server_state()
        write_text(self._stamp(), str(time.monotonic()))
        self.publication.promoted(state)

    def _become_primary(self, state: ServerState) -> None:
        """Promote the server, which goes on waiting for whoever may act on its older promise."""
        owed = self.promises.pledge.owed()
        self.publication.before_promotion(owed)
        claim = decision.CLAIM_LEADING if owed else decision.CLAIM_ALONE
        if not owed:
            self.promises.pledge.settle()
        self.claim.write(claim, state.timeline)
        names = standby_names(owed)
        if state.synchronous_names != names:
            self.client.set_synchronous(names)
        self.server().promote()
        self.claim.write(claim, self.client.server_state().timeline)

    def _require_promotable(self) -> None:
        """Raise Refused, with the score gated, unless everything committed is here."""
        verdicts: list[decision.Verdict] = []

        last_words = self.call.deadline.sooner(_LAST_WORDS)

        def settled() -> bool:
            verdicts[:] = [self.publication.judge_promotion()]
            if verdicts[0].row == decision.BROKEN_OFF:
                return last_words.left() <= 0
            return verdicts[0].row not in _UNSETTLED

        self.call.deadline.sooner(self.call.deadline.total / 2).holds(settled)
        verdict = verdicts[0]
        if verdict.promotable:
            self.call.log.info(f"promoting: {verdict.row}")
            return
        self.publication.refuse(verdict.limit)
        raise errors.Refused(f"not promoted: {verdict.limit}")

    def demote(self) -> None:
        """Turn the primary into a standby, and tell the others how far its log went."""
        if self.installation.postmaster_pid() is None:
            return
        server = self.server()
        attached = self._attached_peers()
        if attached is None:
            return
        if self._failures().lately():
            # Pacemaker demotes to recover, and nobody asked for a move: the role is to stay here. A
            # move that is typed so soon after finds by comparison that nothing is missing.
            self.call.log.info("demoted after a failed monitor: nothing is handed over")
            attached = []
        self.publication.handing_over(attached)
        server.stop()
        control = self.installation.control_data()
        clean = control.shut_down_cleanly and bool(attached)
        try:
            server.start_as_standby(self.replication.settings())
            state = self.client.server_state()
            last = (state.timeline, state.position)
        except errors.HamnError:
            # The others can still take over: nothing is behind the last checkpoint's location.
            self._hand_over(attached, (control.timeline, control.checkpoint), clean=clean)
            raise
        if clean:
            # Before the score is computed: the role is on its way to the other node.
            self.claim.write(decision.CLAIM_FOLLOWING)
        self.publication.standby(state)
        self._hand_over(attached, last, clean=clean)
        remove(self._stamp())

    def _failures(self) -> Failures:
        return Failures(self.call.context, self.attributes, self.node)

    def _hand_over(self, peers: list[str], last: tuple[int, int], *, clean: bool) -> None:
        """Tell ``peers`` what to wait for, having given up the claim to be the newest."""
        if clean:
            self.claim.write(decision.CLAIM_FOLLOWING)
        self.publication.handed_over(peers, last if clean else None)

    def _attached_peers(self) -> list[str] | None:
        """Return the standbys to hand over to, None when this server is no primary.

        A server that does not answer hands over to nobody; it is still stopped.
        """
        from xcat_hamn.database.postgresql.supervision import attached

        try:
            if self._state().in_recovery:
                return None
            return attached(self.client.standbys(), self.peers)
        except errors.CommandFailed as problem:
            self.call.log.warning(f"demoting a primary that does not answer: {problem}")
            return []

    # -- the rest --------------------------------------------------------------------------

    def reload_agent(self) -> None:
        """Nothing is kept between calls: every monitor reads the parameters anew."""

    def problems(self) -> list[Exception]:
        """Return what this node lacks for the parameters given."""
        from xcat_hamn.database.postgresql.environment import problems

        return problems(self.installation, self.call.values.text("passfile"))


AGENT = Agent(
    name="xcat-pgsql",
    version=__version__,
    shortdesc="xCAT's PostgreSQL database, replicated to the standby management node",
    longdesc=(
        "Runs PostgreSQL 13 to 17 with streaming replication as a promotable resource. The "
        "standby is copied from the primary by itself when its data directory is empty. Commits "
        "wait for the standby while it is attached. A standby that would lose committed data "
        "advertises promotion score -INFINITY, so that `pcs resource move` refuses, and says why "
        "in node attribute xcat-db-limit."
    ),
    parameters=PARAMETERS,
    actions=(
        Action("start", 300),
        Action("stop", 120),
        Action("promote", 60),
        Action("demote", 120),
        Action("monitor", 30, interval=5, role="Promoted"),
        Action("monitor", 30, interval=7, role="Unpromoted"),
        Action("reload-agent", 20),
    ),
    handlers=Pgsql,
)

"""What a primary does at every monitor: wait for its standby, and tell it that it is waited for.

The order of the steps is what makes ``confirmed`` true: commits wait for the standby first, then
everything written before that must have reached its disk, then claim and promise are stored, and
only then is the standby told.  When the standby goes, nobody may be able to act on a promise any
more (see ``promise``), then it is told, and only then do commits stop waiting.
"""

from __future__ import annotations

from xcat_hamn.cluster import vocabulary
from xcat_hamn.database.postgresql.client import standby_names
from xcat_hamn.database.postgresql.decision import CLAIM_ALONE, CLAIM_LEADING
from xcat_hamn.database.postgresql.promise import ASYNCHRONOUS, CONFIRMED, KEPT, PROMISE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.database.postgresql.claim import Claim
    from xcat_hamn.database.postgresql.client import Client, ServerState, Standby
    from xcat_hamn.database.postgresql.promise import Pledge
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

NOT_CONFIRMED = "not-confirmed"


def attached(standbys: Sequence[Standby], peers: Sequence[str]) -> list[str]:
    """Return the peers that receive this primary's log records now."""
    names = {s.name for s in standbys if s.state == "streaming"}
    return sorted(names.intersection(peers))


def confirmed(standbys: Sequence[Standby], position: int) -> list[str]:
    """Return the standbys that commits wait for and that have everything up to ``position``."""
    return sorted(
        s.name
        for s in standbys
        if s.sync_state in ("sync", "quorum") and s.state == "streaming" and s.flushed >= position
    )


class Supervision:
    """The primary's care for its standbys.

    ``promising``: commit alone only when the standby that was waited for is proven down.  After
    ``keep``, ``owed`` are the absent standbys that commits go on waiting for.
    """

    def __init__(
        self,
        client: Client,
        attributes: Attributes,
        claim: Claim,
        pledge: Pledge,
        deadline: Deadline,
        log: Log,
        peers: Sequence[str],
        *,
        promising: bool = False,
    ) -> None:
        self._client = client
        self._attributes = attributes
        self._claim = claim
        self._pledge = pledge
        self._deadline = deadline
        self._log = log
        self._peers = list(peers)
        self._promising = promising
        self.owed: list[str] = []

    def _tell(self, names: Sequence[str], word: str, token: str = "") -> None:
        """Tell ``word`` to the peers in ``names``, and the others that they are not waited for."""
        for peer in self._peers:
            told = peer in names
            shown = CONFIRMED if word == KEPT else word
            self._attributes.share(PROMISE, f"{word} {token}".strip() if told else "", node=peer)
            self._attributes.publish(
                vocabulary.DATABASE_SYNC, shown if told else NOT_CONFIRMED, node=peer
            )

    def keep(self, state: ServerState, synchronous: bool, patience: float) -> list[str]:
        """Adjust synchronous replication to who is attached; return the confirmed standbys.

        ``patience``: seconds to wait for a standby that is not attached yet, or not confirmed.
        Raises CommandFailed when the server does not answer.
        """
        present = self._present(patience)
        waited_for = present if synchronous else []
        if self._is_held(state, waited_for):
            return []
        wanted = standby_names(waited_for)
        changes = wanted != state.synchronous_names
        if changes or not waited_for:
            self._let_go(state.timeline, [] if synchronous else present)
        if changes:
            self._client.set_synchronous(wanted)
            self._log.info(f"commits wait for {', '.join(waited_for) or 'no standby'} now")
        if not waited_for:
            return []
        # Once everything up to a position has been confirmed, waiting for each commit keeps it so.
        settled = self._claim.read(state.timeline) == CLAIM_LEADING
        ready = self._confirm(settled, patience)
        if ready:
            self._claim.write(CLAIM_LEADING, state.timeline)
            self._tell_ready(ready)
        return ready

    def _is_held(self, state: ServerState, waited_for: Sequence[str]) -> bool:
        """Tell whether a standby that is not waited for may still act on a promise.

        Then commits go on waiting for it, and it is asked to give the promise up.
        """
        _, holders = self._pledge.read()
        absent = [name for name in holders if name not in waited_for]
        self.owed = self._pledge.owed(absent) if absent else []
        if not self.owed:
            if absent:
                self._log.info(f"{', '.join(absent)} can take over no more: going on alone")
                self._pledge.settle()
            return False
        wanted = standby_names(holders)
        if state.synchronous_names != wanted:
            self._client.set_synchronous(wanted)
        self._pledge.withdraw(self.owed)
        return True

    def _tell_ready(self, ready: Sequence[str]) -> None:
        if not self._promising:
            self._tell(ready, CONFIRMED)
            return
        sessions = {s.name: s.session for s in self._client.standbys() if s.name in ready}
        self._tell(ready, KEPT, self._pledge.make(sessions))

    def _let_go(self, timeline: int, asynchronous: Sequence[str]) -> None:
        """Tell the standbys that they are not waited for, before that becomes true.

        Those in ``asynchronous`` are attached, and not waited for by configuration.
        """
        self._tell(asynchronous, ASYNCHRONOUS)
        self._claim.write(CLAIM_ALONE, timeline)

    def _present(self, patience: float) -> list[str]:
        found: list[str] = []

        def look() -> bool:
            found[:] = attached(self._client.standbys(), self._peers)
            return bool(found)

        self._deadline.sooner(patience).holds(look)
        return found

    def _confirm(self, settled: bool, patience: float) -> list[str]:
        """Return the standbys that commits wait for and that have all that was written before."""
        if not settled and self._exempts():
            return []
        ready: list[str] = []
        since: list[int] = [0] if settled else []
        idle: list[bool] = []

        def look() -> bool:
            standbys = self._client.standbys()
            if not since and confirmed(standbys, 0) and self._client.checkpointer_is_idle():
                # Seen idle twice, it has read the setting since the sender has.
                idle.append(True)
                if len(idle) > 1:
                    # Only what is written from here on is sure to be waited for: a session that
                    # had not read the new setting yet may have committed until now.
                    since.append(self._client.server_state().position)
                    standbys = self._client.standbys()
            ready[:] = confirmed(standbys, since[0]) if since else []
            return bool(ready)

        # The reload of the configuration takes a moment to reach the sender process.
        self._deadline.sooner(max(patience, 1.0)).holds(look)
        return ready

    def _exempts(self) -> bool:
        """Tell, and say, whether some sessions commit without waiting by their own setting."""
        exempted = self._client.exempted()
        if exempted:
            self._log.warning(
                f"no standby is confirmed: synchronous_commit is switched off for "
                f"{', '.join(exempted)}, whose commits would be lost: remove that setting "
                "(ALTER ROLE or ALTER DATABASE ... RESET synchronous_commit)"
            )
        return bool(exempted)

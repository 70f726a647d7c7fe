"""How this node's log relates to the primary's, asked and shown.

Asked only where a server is not attached though there is a primary: a server that is attached
follows it.
"""

from __future__ import annotations

import os

from xcat_hamn.database.postgresql import history
from xcat_hamn.errors import HamnError
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.database.postgresql.client import ServerState
    from xcat_hamn.database.postgresql.history import Comparison
    from xcat_hamn.database.postgresql.installation import Installation
    from xcat_hamn.database.postgresql.replication import Replication
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

#: Private attribute of a diverged node: "TIMELINE END FORK COMMITS PRIMARY"; COMMITS may be "?".
DIVERGED = "diverged"
#: Seconds that the primary is given to say what its log is.
_ASK_SECONDS = 4.0
_ENDLESS = (1 << 64) - 1


class Lineage:
    """Compares the log of this node with those of others."""

    def __init__(
        self,
        installation: Installation,
        replication: Replication,
        attributes: Attributes,
        deadline: Deadline,
        log: Log,
        run_directory: str,
    ) -> None:
        self._installation = installation
        self._replication = replication
        self._attributes = attributes
        self._deadline = deadline
        self._log = log
        self._memory = f"{run_directory}/diverged"
        self._complaint = f"{run_directory}/not-compared"
        self._tried = f"{run_directory}/rejoin-tried"
        self._known: dict[tuple[str, int, int], Comparison] = {}

    def parted_on_disk(self) -> bool:
        """Tell whether the history that this server once fetched of a primary excludes its data.

        Such a server does not start while it is told to follow the latest timeline.  Raises
        CommandFailed when the control file is unreadable.
        """
        from xcat_hamn.database.postgresql.upstream import local_log

        pgdata = self._installation.pgdata
        newest = newest_timeline(pgdata)
        reached = self._installation.control_data().reached
        if newest <= reached[0]:
            return False
        mine, theirs = local_log(pgdata, *reached), local_log(pgdata, newest, _ENDLESS)
        return history.compare(mine, theirs).relation == history.DIVERGED

    def compare(self, peer: str, state: ServerState) -> Comparison:
        """Return how this server's log relates to that of ``peer``, which is asked for it.

        The relation is UNKNOWN, and the reason logged, when that one does not answer.
        """
        key = (peer, state.timeline, state.position)
        if key not in self._known:
            self._known[key] = self._ask(peer, state)
        return self._known[key]

    def _ask(self, peer: str, state: ServerState) -> Comparison:
        from xcat_hamn.database.postgresql.upstream import Upstream, local_log

        pgdata, user = self._installation.pgdata, self._installation.user
        timeline = timeline_at(pgdata, state.timeline, state.position)
        mine = local_log(pgdata, timeline, state.position)
        patience = self._deadline.sooner(_ASK_SECONDS)
        upstream = Upstream(self._replication, peer, user=user, deadline=patience)
        try:
            system = self._installation.control_data().system_identifier
            found = history.compare(mine, upstream.log(system))
        except HamnError as problem:
            self._complain(f"how the log here relates to that of {peer} is not known: {problem}")
            return history.Comparison(history.UNKNOWN, mine)
        finally:
            upstream.close()
        remove(self._complaint)
        return found

    def _complain(self, text: str) -> None:
        """Log ``text``, unless the last monitor did."""
        if read_text(self._complaint) != text:
            self._log.warning(text)
            write_text(self._complaint, text, mode=0o644)

    def commits(self, comparison: Comparison) -> int | None:
        """Return how many transactions exist only here, None when not known.

        Counted once and remembered: it reads all of the log since the fork.
        """
        from xcat_hamn.database.postgresql.aside import commits

        about = _about(comparison)
        remembered = read_text(self._memory) or ""
        if not remembered.startswith(about):
            found = commits(self._installation, comparison)
            remembered = f"{about}{'?' if found is None else found}"
            write_text(self._memory, remembered, mode=0o644)
        count = remembered[len(about) :]
        return int(count) if count.isdecimal() else None

    def is_due(self, auto: bool) -> bool:
        """Tell whether a restart would bring in line what was compared last, not having tried yet.

        ``auto``: also if transactions exist only here.
        """
        for comparison in self._known.values():
            if comparison.relation == history.DIVERGED and (auto or self.commits(comparison) == 0):
                return read_text(self._tried) != _about(comparison)
        return False

    def note_try(self, comparison: Comparison) -> None:
        """Remember that it was tried to bring ``comparison``'s log in line."""
        write_text(self._tried, _about(comparison), mode=0o644)

    def divergence(self, peer: str, state: ServerState) -> str:
        """Return the sentence that says how the log here parted from ``peer``'s, shown as well.

        Empty when it did not, or when that is not known.
        """
        comparison = self.compare(peer, state)
        if comparison.relation != history.DIVERGED:
            return ""
        commits = self.commits(comparison)
        mine, count = comparison.mine, "?" if commits is None else str(commits)
        shown = f"{mine.timeline} {mine.end} {comparison.fork} {count} {peer}"
        self._attributes.share(DIVERGED, shown)
        return f"{comparison.sentence(peer)}: {counted(commits)}"


def _about(comparison: Comparison) -> str:
    return f"{comparison.mine.timeline} {comparison.mine.end} {comparison.fork} "


def timeline_at(pgdata: str, reported: int, position: int) -> int:
    """Return the timeline of the log up to ``position``, from the names of its segments.

    A standby without a primary reports that of its last restartpoint, which may be an older one
    (tried with 15).  Segments of a timeline that it cannot follow are never fetched.
    """
    from xcat_hamn.database.postgresql.aside import segments

    found = [
        segment.timeline
        for segment in segments(f"{pgdata}/pg_wal")
        if segment.begin < position <= segment.end
    ]
    return max([reported, *found])


def newest_timeline(pgdata: str) -> int:
    """Return the newest timeline whose history is in pg_wal, 0 when there is none."""
    numbers = [0]
    for name in os.listdir(f"{pgdata}/pg_wal"):
        number, _, kind = name.partition(".")
        if kind == "history" and len(number) == 8:
            numbers.append(int(number, 16))
    return max(numbers)


def counted(commits: int | None) -> str:
    """Return the part of a sentence that says how many transactions exist only here."""
    if commits is None:
        return "some transactions may exist only here"
    if commits == 1:
        return "1 transaction exists only here"
    return f"{commits or 'no'} transactions exist only here"

"""The way back of a former primary whose log has diverged: rewound, or copied anew.

Both work beside the data directory, whose place in the file system is the durable mark of how far
they are: what is in place is a whole database, old or new; while pg_rewind works, nothing is.  A
start that finds nothing copies the database from the other node, as on a new standby.  pg_rewind
cannot be run again on a directory that it left half done: it finds what to change from a log that
it has overwritten by then.

Facts (tried with 15; manual of pg_rewind, 13 to 17): the server must have been shut down in order,
which is how our own start and stop leave it, so ``--no-ensure-shutdown`` spares pg_rewind's own
recovery, which would not find a configuration kept outside the data directory; it sees no
difference until the primary's control file names the new timeline, from the first checkpoint on
(before PostgreSQL 16); it says what it needs to copy before it changes anything.
"""

from __future__ import annotations

import os

from xcat_hamn.database.postgresql.aside import Aside
from xcat_hamn.database.postgresql.replication import (
    discard,
    end_users_of,
    put_in_place,
    require_movable,
    working_copy,
)
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.system.files import sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.postgresql.history import Comparison
    from xcat_hamn.database.postgresql.installation import Installation
    from xcat_hamn.database.postgresql.progress import Progress
    from xcat_hamn.database.postgresql.replication import Replication
    from xcat_hamn.system.deadline import Deadline

#: Name under which pg_rewind shows up at the primary.
REWINDING = "xcat-hamn-rewind"
#: What it prints before the first change.
_CHANGES = "need to copy"
#: Part of the time left that a primary is given for its first checkpoint.
_CHECKPOINT_SHARE = 0.4


class HalfRewound(CommandFailed):
    """pg_rewind was interrupted: there is no database in place, the other node's must be copied."""


class Rewind:
    """Makes the database of a stopped server one that can follow ``peer``'s."""

    def __init__(
        self,
        installation: Installation,
        replication: Replication,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        self._installation = installation
        self._replication = replication
        self._deadline = deadline
        self._progress = progress

    def rewind(self, comparison: Comparison, peer: str, when: str) -> str:
        """Undo what came after the fork; return the directory in which its log is kept.

        Raises CommandFailed or NodeError with the database as it was, HalfRewound without one.
        """
        installation = self._installation
        require_movable(installation)
        self._require_readable(peer)
        aside = Aside(installation, when)
        aside.make()
        aside.keep_log(comparison, peer)
        working = working_rewind(installation)
        discard(working, installation)
        os.rename(installation.pgdata, working)
        sync_directory(os.path.dirname(working))
        try:
            argv = self._command(peer, working)
            code = self._progress.run(installation.runner, argv, installation.user, self._deadline)
            problem = f"pg_rewind ended with {code} ({self._progress.last_words()})" if code else ""
        except HamnError as raised:
            problem = f"pg_rewind did not end in order ({raised})"
        if problem and _CHANGES in self._progress.text():
            raise HalfRewound(problem)
        put_in_place(working, installation)
        if _CHANGES not in self._progress.text():
            aside.remove()
            problem = problem or "pg_rewind found nothing to do"
            raise CommandFailed(
                f"{problem}: nothing was changed; try again, or have the whole database copied "
                "(--copy)"
            )
        self._progress.clear()
        return aside.path

    def _command(self, peer: str, directory: str) -> list[str]:
        """Return the command that rewinds ``directory``; the password stays in its file."""
        address = self._replication.peers[peer]
        source = self._replication.conninfo([address], REWINDING, dbname="postgres")
        argv = [self._installation.program("pg_rewind"), "--target-pgdata", directory]
        return [*argv, "--source-server", source, "--no-ensure-shutdown", "--progress"]

    def _require_readable(self, peer: str) -> None:
        """Raise CommandFailed unless the primary lets pg_rewind read, and is ready for it.

        pg_rewind's own dry run would fetch everything.
        """
        from xcat_hamn.database.postgresql.upstream import Source

        source = Source(
            self._replication, peer, user=self._installation.user, deadline=self._deadline
        )
        patience = self._deadline.sooner(self._deadline.left() * _CHECKPOINT_SHARE)
        try:
            ready = patience.holds(source.is_ready, every=1.0)
        except CommandFailed as problem:
            raise CommandFailed(_advice(str(problem), peer, self._replication)) from None
        finally:
            source.close()
        if not ready:
            raise CommandFailed(
                f"the database of {peer} has had no checkpoint since its promotion: wait for it, "
                "or run CHECKPOINT there"
            )

    def copy(self, comparison: Comparison, peer: str, when: str) -> str:
        """Replace the database by a copy of ``peer``'s; return where the old one is kept.

        Raises CommandFailed or NodeError with the database as it was.
        """
        installation = self._installation
        require_movable(installation)
        self._replication.make_copy(installation, self._deadline, self._progress)
        aside = Aside(installation, when)
        aside.make()
        aside.keep_directory(comparison, peer)
        put_in_place(working_copy(installation), installation)
        self._progress.clear()
        return aside.path


def working_rewind(installation: Installation) -> str:
    """Return the place of the data directory while pg_rewind works on it."""
    return f"{installation.pgdata}.xcat-hamn-rewind"


def end_rewind(installation: Installation) -> None:
    """End a pg_rewind that a start which was killed left running; what it did stays there."""
    if os.path.lexists(working_rewind(installation)):
        end_users_of(working_rewind(installation))


def discard_rewind(installation: Installation) -> None:
    """Remove a data directory that is only half rewound, once there is a whole one in place.

    Raises CommandFailed when it cannot be removed.
    """
    if not installation.is_empty():
        discard(working_rewind(installation), installation)


def _advice(said: str, peer: str, replication: Replication) -> str:
    """Return the sentence for a primary that cannot be read, given what it answered."""
    user = replication.user
    if "permission denied" in said:
        what = f"the agent there grants {user} that at its next promotion; --copy needs it not"
    elif "no pg_hba.conf entry" in said:
        what = f"add a line for {user} and database postgres to pg_hba.conf there"
    elif "password" in said:
        what = f"let the password file here name {user}'s password for every database (*)"
    else:
        what = "see whether that database works"
    return f"the database of {peer} cannot be read for pg_rewind ({said}): {what}"

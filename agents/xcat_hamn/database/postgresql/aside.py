"""What a server that follows another one gives up is kept beside its data directory.

The part of the log that only this node has goes to ``PGDATA.diverged-TIME/pg_wal`` with a text
that says what it is and how to look at it.  pg_rewind truncates and removes those very files, so
they are copied, not linked.
"""

from __future__ import annotations

import os

from xcat_hamn.database.postgresql.installation import format_lsn
from xcat_hamn.errors import CommandFailed, HamnError, MissingTool, NodeError
from xcat_hamn.system.files import sync_directory, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from xcat_hamn.database.postgresql.history import Comparison
    from xcat_hamn.database.postgresql.installation import Installation

#: What must stay free on the file system beside the copied segments, in bytes.
_RESERVE = 64 << 20
#: A transaction's record counts when a client may have been told of it.
_COMMITS = ("COMMIT", "PREPARE", "COMMIT_PREPARED")
_HEXADECIMAL = frozenset("0123456789ABCDEF")


class Segment:
    """A file of the log: its name, timeline, and the positions that it covers."""

    __slots__ = ("begin", "end", "name", "timeline")

    def __init__(self, name: str, size: int) -> None:
        """Read ``name``: timeline, high half of the position, number of the segment in it."""
        self.name = name
        self.timeline = int(name[:8], 16)
        self.begin = (int(name[8:16], 16) << 32) + int(name[16:], 16) * size
        self.end = self.begin + size


def is_segment(name: str) -> bool:
    """Tell whether ``name`` is that of a whole segment of the log."""
    return len(name) == 24 and _HEXADECIMAL.issuperset(name)


def divergent(segments: Iterator[Segment], comparison: Comparison) -> list[Segment]:
    """Return those of ``segments`` that hold something from after the fork, in order.

    A segment of an older timeline than the log's own counts as well: the fork may lie on one.
    """
    own = {number for number, _ in comparison.mine.branches() or ()} | {comparison.mine.timeline}
    wanted = [
        segment
        for segment in segments
        if segment.timeline in own
        and segment.end > comparison.fork
        and segment.begin < comparison.mine.end
    ]
    return sorted(wanted, key=lambda segment: (segment.timeline, segment.begin))


def segments(folder: str) -> Iterator[Segment]:
    """Yield the whole segments in ``folder``."""
    for name in os.listdir(folder):
        if is_segment(name):
            yield Segment(name, os.stat(f"{folder}/{name}").st_size)


class Aside:
    """A new directory beside the data directory, for what this node gives up at ``when`` (UTC)."""

    def __init__(self, installation: Installation, when: str) -> None:
        self._installation = installation
        self.path = f"{installation.pgdata}.diverged-{when}"
        self._uid = self._gid = 0

    def make(self) -> None:
        """Make the directory, readable by the database's user only.  Raises NodeError."""
        import pwd

        entry = pwd.getpwnam(self._installation.user)
        self._uid, self._gid = entry.pw_uid, entry.pw_gid
        try:
            self._make_directory(self.path)
        except OSError as problem:
            raise NodeError(
                f"{self.path} cannot be made ({problem.strerror}): what only this node has is kept "
                "there, so make room or permit it"
            ) from None

    def _make_directory(self, path: str) -> None:
        os.mkdir(path, 0o700)
        os.chown(path, self._uid, self._gid)

    def keep_log(self, comparison: Comparison, peer: str) -> None:
        """Copy the divergent part of the log here, durably, with an explanation.

        Raises CommandFailed, with nothing left behind, when it does not fit.
        """
        source, target = f"{self._installation.pgdata}/pg_wal", f"{self.path}/pg_wal"
        wanted = [segment.name for segment in divergent(segments(source), comparison)]
        wanted += [name for name in os.listdir(source) if name.endswith(".history")]
        try:
            self._require_room(sum(os.stat(f"{source}/{name}").st_size for name in wanted))
            self._make_directory(target)
            for name in wanted:
                self._copy(f"{source}/{name}", f"{target}/{name}")
            self._explain(explanation(self._installation, comparison, peer, self.path))
            sync_directory(target)
            sync_directory(self.path)
            sync_directory(os.path.dirname(self.path))
        except OSError as problem:
            self.remove()
            raise CommandFailed(
                f"the log that only this node has could not be copied to {target} "
                f"({problem.strerror}): make room there; nothing was changed"
            ) from None

    def _require_room(self, wanted: int) -> None:
        import errno

        status = os.statvfs(self.path)
        if status.f_bavail * status.f_frsize < wanted + _RESERVE:
            raise OSError(errno.ENOSPC, f"{wanted >> 20} MB do not fit")

    def _copy(self, source: str, target: str) -> None:
        import shutil

        shutil.copyfile(source, target)
        os.chmod(target, 0o600)
        os.chown(target, self._uid, self._gid)
        sync_file(target)

    def keep_directory(self, comparison: Comparison, peer: str) -> None:
        """Move the whole data directory here, as ``data``, with an explanation."""
        self._explain(explanation_of_directory(self._installation, comparison, peer))
        os.rename(self._installation.pgdata, f"{self.path}/data")
        sync_directory(self.path)
        sync_directory(os.path.dirname(self.path))

    def _explain(self, text: str) -> None:
        path = f"{self.path}/README"
        write_text(path, text, durable=True)
        os.chown(path, self._uid, self._gid)

    def remove(self) -> None:
        """Remove the directory again, when nothing was given up after all."""
        import shutil

        shutil.rmtree(self.path, ignore_errors=True)


def sync_file(path: str) -> None:
    """Bring the content of ``path`` to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def dump_arguments(comparison: Comparison, folder: str) -> list[str]:
    """Return the options of pg_waldump that show what came after the fork."""
    return [
        f"--path={folder}",
        f"--timeline={comparison.mine.timeline}",
        f"--start={format_lsn(comparison.fork)}",
        f"--end={format_lsn(comparison.mine.end)}",
    ]


def explanation(installation: Installation, comparison: Comparison, peer: str, path: str) -> str:
    """Return the text that lies beside a log that was set aside."""
    mine = comparison.mine
    command = " ".join([_pg_waldump(installation), *dump_arguments(comparison, f"{path}/pg_wal")])
    return (
        f"The part of the database's log that only this node had, and {peer}, which it follows "
        "now, had not.\n\n"
        f"Timeline {mine.timeline}, from {format_lsn(comparison.fork)}, where {peer}'s log forked "
        f"off, to {format_lsn(mine.end)}: {mine.end - comparison.fork} bytes.\n"
        f"Data directory: {installation.pgdata}\n\n"
        f"To see what was done there: {command}\n"
        "and only when something was committed: the same with --rmgr=Transaction\n\n"
        "Nothing uses this directory any more; remove it when nobody needs it.\n"
    )


def _pg_waldump(installation: Installation) -> str:
    try:
        return installation.program("pg_waldump")
    except MissingTool:
        return "pg_waldump"


def explanation_of_directory(installation: Installation, comparison: Comparison, peer: str) -> str:
    """Return the text that lies beside a whole database that was set aside."""
    mine = comparison.mine
    return (
        f"The database that this node had before it was replaced by a copy of {peer}'s.\n\n"
        f"Its log ends at {format_lsn(mine.end)} on timeline {mine.timeline}; the data directory "
        f"was {installation.pgdata}.\n\n"
        "To look into it, start a server of the same version on a copy of the directory `data`, "
        "without standby.signal, on another port, and never in this cluster.\n\n"
        "Nothing uses this directory any more; remove it when nobody needs it.\n"
    )


def count_commits(text: str) -> int:
    """Return how many of pg_waldump's lines are of transactions that were committed.

    A line (PostgreSQL 13 to 17) is for example ``rmgr: Transaction len (rec/tot): 34/34, tx: 732,
    lsn: 0/030020F0, prev 0/030020C8, desc: COMMIT 2026-11-22 19:11:00.123456 UTC``.
    """
    found = (line.partition("desc: ")[2].split(None, 1) for line in text.splitlines())
    return sum(1 for words in found if words and words[0].rstrip(":;,") in _COMMITS)


def commits(installation: Installation, comparison: Comparison) -> int | None:
    """Return how many transactions were committed after the fork, None when it is not known."""
    folder = f"{installation.pgdata}/pg_wal"
    try:
        argv = [installation.program("pg_waldump"), *dump_arguments(comparison, folder)]
        argv.append("--rmgr=Transaction")
        said = installation.runner.run(argv, user=installation.user, timeout=20, limit=64 << 20)
    except HamnError:
        return None
    return count_commits(said.stdout) if said.ok else None

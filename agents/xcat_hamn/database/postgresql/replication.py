"""How a standby is made and kept: the settings it runs with and the first copy of the data."""

from __future__ import annotations

import os
import time

from xcat_hamn.errors import CommandFailed, NodeError
from xcat_hamn.system.files import read_text, sync_directory
from xcat_hamn.system.processes import SIGKILL, signal_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.database.postgresql.installation import Installation
    from xcat_hamn.database.postgresql.progress import Progress
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline


#: Name under which a copy in the making shows up at the primary: not the node's, or commits would
#: wait for it (pg_basebackup's own receiver passes for a synchronous standby of that name).
COPYING = "xcat-hamn-copy"
#: Seconds for which a start with an empty data directory waits for another node's server.
_COPY_PATIENCE = 60.0
_COPYING_PROGRAMS = ("pg_basebackup", "pg_rewind")

#: Settings that every server of the cluster runs with, primary or standby, and why.
FIXED_SETTINGS = {
    "hot_standby": "on",  # a standby answers the monitor
    "fsync": "on",  # what a server confirmed is on its disk
    "synchronous_commit": "on",  # a commit waits for the standby, unless its session says otherwise
    "recovery_target_timeline": "latest",  # a standby follows the new primary's timeline
    "wal_log_hints": "on",  # lets pg_rewind bring a diverged primary back
    "wal_keep_size": "1GB",  # a standby that was away for a while still finds what it missed
    "wal_retrieve_retry_interval": "500ms",  # attach soon after the primary moved (default 5 s)
    "wal_receiver_timeout": "10s",  # notice a silent primary (default 60 s)
    "wal_sender_timeout": "10s",  # notice a silent standby: commits wait for it meanwhile
}


class Replication:
    """The peers of this node and the way to them."""

    def __init__(
        self, node: str, addresses: Mapping[str, str], *, port: int, user: str, passfile: str
    ) -> None:
        self.node = node
        self.peers = {name: address for name, address in addresses.items() if name != node}
        self.port = port
        self.user = user
        self.passfile = passfile

    def conninfo(self, hosts: Sequence[str], name: str, **more: str) -> str:
        """Return the libpq connection string; the password stays in the password file."""
        fields = {
            "host": ",".join(hosts),
            "port": str(self.port),
            "user": self.user,
            "application_name": name,
            "connect_timeout": "5",
            **more,
        }
        if self.passfile:
            fields["passfile"] = self.passfile
        quoted = (
            (name, value.replace("\\", "\\\\").replace("'", "\\'"))
            for name, value in fields.items()
        )
        return " ".join(f"{name}='{value}'" for name, value in quoted)

    def settings(self, *, follow: bool = True) -> dict[str, str]:
        """Return the settings that the server is started with.

        One that does not ``follow`` stays on the timeline of its data: it would end at once for a
        history in its pg_wal that does not lead there (tried with 15).
        """
        settings = dict(FIXED_SETTINGS)
        if not follow:
            settings["recovery_target_timeline"] = "current"
        elif self.peers:
            settings["primary_conninfo"] = self.conninfo(list(self.peers.values()), self.node)
        return settings

    def copy_from_peer(
        self, installation: Installation, deadline: Deadline, progress: Progress
    ) -> str:
        """Fill the empty data directory with a copy of a peer's; return the peer's name.

        The copy is made beside the directory and renamed into place, so that an interrupted one
        is never mistaken for a database.  Raises CommandFailed when no peer gives a copy.
        """
        require_movable(installation)
        peer = self.make_copy(installation, deadline, progress)
        put_in_place(working_copy(installation), installation)
        return peer

    def make_copy(self, installation: Installation, deadline: Deadline, progress: Progress) -> str:
        """Make a copy of a peer's database beside the data directory; return the peer's name.

        Raises CommandFailed when no peer gives one.
        """
        complaints = []
        empty = f"{installation.pgdata} is empty and " if installation.is_empty() else ""
        for peer, address in self.peers.items():
            discard_copy(installation)
            argv = [installation.program("pg_basebackup"), "--no-password", "--checkpoint=fast"]
            argv += ["--wal-method=stream", "--progress", "--pgdata", working_copy(installation)]
            argv += ["--dbname", self.conninfo([address], COPYING)]
            code = progress.run(installation.runner, argv, installation.user, deadline)
            if code == 0:
                progress.clear()
                return peer
            complaints.append(f"{peer}: {progress.last_words()}")
        discard_copy(installation)
        raise CommandFailed(
            f"{empty}no other node gave a copy of the database "
            f"({'; '.join(complaints) or 'there is no other node'}): start the database there "
            "first, and check the network, pg_hba.conf and the password file"
        )


def copy_patiently(
    replication: Replication,
    installation: Installation,
    deadline: Deadline,
    progress: Progress,
    log: Log,
) -> None:
    """Copy the database from a peer whose server may just be starting.

    Raises CommandFailed when no peer gives a copy in time.
    """
    patience = deadline.sooner(min(_COPY_PATIENCE, deadline.left() / 2))
    said = ""
    while True:
        try:
            peer = replication.copy_from_peer(installation, deadline, progress)
        except CommandFailed as problem:
            if not replication.peers or patience.left() <= 0:
                raise
            if said != str(problem):
                said = str(problem)
                log.info(f"waiting for a copy of the database: {said}")
            time.sleep(1)
        else:
            log.info(f"copied the database from {peer}")
            return


def working_copy(installation: Installation) -> str:
    """Return the directory in which a copy is made."""
    return f"{installation.pgdata}.xcat-hamn-copy"


def require_movable(installation: Installation) -> None:
    """Raise NodeError when the data directory cannot be exchanged for another in one step."""
    if os.path.ismount(installation.pgdata):
        raise NodeError(
            f"{installation.pgdata} is a mount point, so another directory cannot be put there in "
            "one step: mount the file system one directory higher"
        )


def put_in_place(directory: str, installation: Installation) -> None:
    """Make ``directory`` the data directory, which is absent or empty, in one durable step."""
    target = installation.pgdata
    if os.path.isdir(target):
        os.rmdir(target)
    os.rename(directory, target)
    sync_directory(os.path.dirname(target))


def discard_copy(installation: Installation) -> None:
    """End and remove an interrupted copy, as the database's user and never through a link.

    A start that was killed leaves pg_basebackup running, and that leaves its receiver.  Raises
    CommandFailed when it cannot be removed.
    """
    discard(working_copy(installation), installation)


def discard(working: str, installation: Installation) -> None:
    """Remove directory ``working``, as ``discard_copy`` says."""
    if not os.path.lexists(working):
        return
    end_users_of(working)
    installation.runner.run(
        ["rm", "-rf", "--one-file-system", "--", working], user=installation.user, timeout=60
    ).require(f"the rest of an interrupted copy in {working} could not be removed")


def end_users_of(working: str) -> None:
    """Kill the programs that an action which was killed left working on ``working``."""
    for pid in _users_of(working):
        signal_process(pid, SIGKILL)


def _users_of(working: str) -> list[int]:
    """Return PostgreSQL's copying programs that were started with the argument ``working``."""
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdecimal()):
        try:
            arguments = (read_text(f"/proc/{pid}/cmdline") or "").split("\0")
        except OSError:
            continue
        if working in arguments and os.path.basename(arguments[0]) in _COPYING_PROGRAMS:
            found.append(pid)
    return found

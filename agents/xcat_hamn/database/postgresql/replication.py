"""How a standby is made and kept: the settings it runs with and the first copy of the data."""

from __future__ import annotations

import os

from xcat_hamn.errors import CommandFailed, NodeError
from xcat_hamn.system.files import read_text
from xcat_hamn.system.processes import SIGKILL, signal_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.database.postgresql.installation import Installation
    from xcat_hamn.system.deadline import Deadline


#: Name under which a copy in the making shows up at the primary: not the node's, or commits would
#: wait for it (pg_basebackup's own receiver passes for a synchronous standby of that name).
COPYING = "xcat-hamn-copy"

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
        self._port = port
        self._user = user
        self._passfile = passfile

    def _conninfo(self, hosts: Sequence[str], name: str) -> str:
        """Return the libpq connection string; the password stays in the password file."""
        fields = {
            "host": ",".join(hosts),
            "port": str(self._port),
            "user": self._user,
            "application_name": name,
            "connect_timeout": "5",
        }
        if self._passfile:
            fields["passfile"] = self._passfile
        quoted = (
            (name, value.replace("\\", "\\\\").replace("'", "\\'"))
            for name, value in fields.items()
        )
        return " ".join(f"{name}='{value}'" for name, value in quoted)

    def settings(self) -> dict[str, str]:
        """Return the settings that the server is started with."""
        settings = dict(FIXED_SETTINGS)
        if self.peers:
            settings["primary_conninfo"] = self._conninfo(list(self.peers.values()), self.node)
        return settings

    def copy_from_peer(self, installation: Installation, deadline: Deadline) -> str:
        """Fill the empty data directory with a copy of a peer's; return the peer's name.

        The copy is made beside the directory and renamed into place, so that an interrupted one
        is never mistaken for a database.  Raises CommandFailed when no peer gives a copy.
        """
        target = installation.pgdata
        if os.path.ismount(target):
            raise NodeError(
                f"{target} is empty and a mount point, where a copy cannot be put in one step: "
                "mount the file system one directory higher"
            )
        working = _working(installation)
        complaints = []
        for peer, address in self.peers.items():
            discard_copy(installation)
            argv = [installation.program("pg_basebackup"), "--no-password", "--checkpoint=fast"]
            argv += ["--wal-method=stream", "--pgdata", working]
            argv += ["--dbname", self._conninfo([address], COPYING)]
            result = installation.runner.run(argv, user=installation.user, timeout=deadline.left())
            if result.ok:
                if os.path.isdir(target):
                    os.rmdir(target)
                os.rename(working, target)
                return peer
            complaints.append(f"{peer}: {result.last_line()}")
        discard_copy(installation)
        raise CommandFailed(
            f"{target} is empty and no other node gave a copy of the database "
            f"({'; '.join(complaints) or 'there is no other node'}): start the database there "
            "first, and check the network, pg_hba.conf and the password file"
        )


def _working(installation: Installation) -> str:
    return f"{installation.pgdata}.xcat-hamn-copy"


def discard_copy(installation: Installation) -> None:
    """End and remove an interrupted copy, as the database's user and never through a link.

    A start that was killed leaves pg_basebackup running, and that leaves its receiver.  Raises
    CommandFailed when it cannot be removed.
    """
    working = _working(installation)
    if not os.path.lexists(working):
        return
    for pid in _users_of(working):
        signal_process(pid, SIGKILL)
    installation.runner.run(
        ["rm", "-rf", "--one-file-system", "--", working], user=installation.user, timeout=60
    ).require(f"the rest of an interrupted copy in {working} could not be removed")


def _users_of(working: str) -> list[int]:
    """Return the processes that were started with the argument ``working``."""
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdecimal()):
        try:
            arguments = (read_text(f"/proc/{pid}/cmdline") or "").split("\0")
        except OSError:
            continue
        if working in arguments and os.path.basename(arguments[0]) == "pg_basebackup":
            found.append(pid)
    return found

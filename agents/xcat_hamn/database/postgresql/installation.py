"""Where PostgreSQL's programs and data are on this node, and what the data directory says.

Facts checked on PostgreSQL 13 to 17: the labels of ``pg_controldata`` in the C locale, the files
``PG_VERSION``, ``postmaster.pid`` (line 1: pid) and ``standby.signal``.
"""

from __future__ import annotations

import os

from xcat_hamn.errors import CommandFailed, MissingTool, NodeError
from xcat_hamn.system.files import read_text, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.system.runner import Runner

#: Where distributions put the programs of major version {0} (Debian; PGDG's RPMs; RHEL's own).
_PLACES = ("/usr/lib/postgresql/{0}/bin", "/usr/pgsql-{0}/bin", "/usr/bin")
SUPPORTED = range(13, 18)


class ControlData:
    """What ``pg_controldata`` says of a data directory, whether or not a server runs on it.

    ``checkpoint`` is the location of the latest checkpoint as a number.  ``reached`` is the
    (timeline, position) up to which a server must recover at least before it answers.
    """

    __slots__ = ("checkpoint", "reached", "state", "system_identifier", "timeline")

    def __init__(self, text: str) -> None:
        """Parse the program's output.  Raises CommandFailed when a label is missing."""
        fields = {}
        for line in text.splitlines():
            label, separator, value = line.partition(":")
            if separator:
                fields[label.strip()] = value.strip()
        try:
            self.state = fields["Database cluster state"]
            self.system_identifier = fields["Database system identifier"]
            self.timeline = int(fields["Latest checkpoint's TimeLineID"])
            self.checkpoint = parse_lsn(fields["Latest checkpoint location"])
            reached = parse_lsn(fields["Minimum recovery ending location"])
            timeline = int(fields["Min recovery ending loc's timeline"])
            self.reached = max((timeline, reached), (self.timeline, self.checkpoint))
        except (KeyError, ValueError) as problem:
            raise CommandFailed(
                f"pg_controldata printed something unknown ({problem}): is the data directory "
                "damaged, or of a PostgreSQL version that is not supported?"
            ) from None

    @property
    def shut_down_cleanly(self) -> bool:
        """Tell whether the last server on this directory ended as a primary, with nothing lost."""
        return self.state == "shut down"

    @property
    def of_standby(self) -> bool:
        """Tell whether the last server on this directory was a standby."""
        return self.state in ("in archive recovery", "shut down in recovery")


def parse_lsn(text: str) -> int:
    """Return the number of a log position such as ``0/16B3D80``.  Raises ValueError."""
    high, _, low = text.strip().partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(position: int) -> str:
    """Return log position ``position`` as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class Installation:
    """One data directory with the programs and the user that belong to it."""

    __slots__ = ("_bindir", "config_file", "pgdata", "runner", "user")

    def __init__(
        self, runner: Runner, *, pgdata: str, user: str, bindir: str, config_file: str
    ) -> None:
        self.runner = runner
        self.pgdata = pgdata.rstrip("/")
        self.user = user
        self._bindir = bindir
        self.config_file = config_file

    def version(self) -> int | None:
        """Return the major version of the data directory, None when it holds no database."""
        text = read_text(f"{self.pgdata}/PG_VERSION")
        return int(text) if text and text.strip().isdecimal() else None

    def is_empty(self) -> bool:
        """Tell whether the data directory is absent or has nothing in it."""
        try:
            return not os.listdir(self.pgdata)
        except FileNotFoundError:
            return True

    def _newest_bindir(self) -> str:
        for version in reversed(SUPPORTED):
            for place in _PLACES[:2]:
                if os.access(f"{place.format(version)}/postgres", os.X_OK):
                    return place.format(version)
        return "/usr/bin"

    def program(self, name: str) -> str:
        """Return the path of PostgreSQL's program ``name`` for this directory's version.

        Raises MissingTool.
        """
        version = self.version()
        if self._bindir:
            places = [self._bindir]
        elif version is None:
            places = [self._newest_bindir()]
        else:
            places = [place.format(version) for place in _PLACES]
        for place in places:
            if os.access(f"{place}/{name}", os.X_OK):
                return f"{place}/{name}"
        raise MissingTool(
            f"PostgreSQL's `{name}`{f' of version {version}' if version else ''} is not in "
            f"{' or '.join(places)}: install the PostgreSQL server, or set parameter bindir"
        )

    def control_data(self) -> ControlData:
        """Return what the control file says.  Raises CommandFailed, MissingTool."""
        argv = [self.program("pg_controldata"), "-D", self.pgdata]
        result = self.runner.run(argv, user=self.user, timeout=10)
        return ControlData(
            result.require(f"the control file of {self.pgdata} is unreadable").stdout
        )

    def postmaster_pid(self) -> int | None:
        """Return the pid of the server that runs on this directory, None when there is none.

        A pid file may outlive a power loss and its number may have been given to another process,
        so the process must also have the data directory as its working directory.
        """
        text = read_text(f"{self.pgdata}/postmaster.pid")
        first = text.split("\n", 1)[0].strip() if text else ""
        if not first.isdecimal():
            return None
        pid = int(first)
        return pid if self._works_here(pid) else None

    def _works_here(self, pid: int) -> bool:
        try:
            return os.path.samefile(f"/proc/{pid}/cwd", self.pgdata)
        except OSError:
            return False

    def server_processes(self) -> list[int]:
        """Return the pids of all PostgreSQL processes on this directory.

        Beside the server's own these are sessions that outlived it: they still write, still answer
        their clients, and keep a new server from starting.
        """
        found = []
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdecimal()):
            if not self._works_here(pid):
                continue
            try:
                program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
            except OSError:
                continue
            if os.path.basename(program) == "postgres":
                found.append(pid)
        return found

    def was_standby(self) -> bool:
        """Tell whether this directory was last used as a standby.  Raises CommandFailed."""
        return os.path.exists(self._standby_signal()) or self.control_data().of_standby

    def _standby_signal(self) -> str:
        return f"{self.pgdata}/standby.signal"

    def ask_for_standby(self) -> None:
        """Make the next start of the server come up as a standby."""
        import pwd

        path = self._standby_signal()
        if not os.path.exists(path):
            write_text(path, "", durable=True)
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def require_usable(self) -> None:
        """Raise NodeError when a server cannot possibly run on this directory."""
        version = self.version()
        if version is None:
            raise NodeError(
                f"{self.pgdata} is not empty, but holds no PostgreSQL database (no PG_VERSION): "
                "check parameter pgdata, or move that directory aside"
            )
        if version not in SUPPORTED:
            raise NodeError(
                f"{self.pgdata} is of PostgreSQL {version}, but only {SUPPORTED[0]} to "
                f"{SUPPORTED[-1]} are supported: upgrade the database"
            )
        if self.config_file and not os.path.exists(self.config_file):
            raise NodeError(
                f"configuration file {self.config_file} does not exist on this node: copy it from "
                "the other management node, or correct parameter config_file"
            )

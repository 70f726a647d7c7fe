"""The server process: started, stopped and promoted so that the result is read back.

The server is started directly with an argument list (``pg_ctl start`` would pass its options
through a shell) in a session of its own, so it survives the agent and Pacemaker's kill of the
agent's process group.  Settings that replication depends on are given on the command line, where
nothing in the configuration files can undo them.
"""

from __future__ import annotations

import os
import signal

from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.processes import SIGKILL, is_stopped, signal_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.database.postgresql.client import Client
    from xcat_hamn.database.postgresql.installation import Installation
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

LOG_DIRECTORY = "/var/log/xcat-hamn"
#: Shares of the time allowed for a stop: after each the next, harder way is taken.
_FAST, _IMMEDIATE = 0.6, 0.85


class Server:
    """Actions on the server of one installation."""

    def __init__(
        self,
        installation: Installation,
        client: Client,
        deadline: Deadline,
        log: Log,
        instance: str,
    ) -> None:
        self.installation = installation
        self.client = client
        self._deadline = deadline
        self._log = log
        self.log_file = f"{LOG_DIRECTORY}/{instance}.postgresql.log"

    def _prepare_log(self) -> None:
        import pwd

        os.makedirs(LOG_DIRECTORY, mode=0o755, exist_ok=True)
        entry = pwd.getpwnam(self.installation.user)
        descriptor = os.open(
            self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o640
        )
        os.fchown(descriptor, entry.pw_uid, entry.pw_gid)
        os.close(descriptor)

    def _last_words(self) -> str:
        """Return why the server ended, from the end of its log, for the exit reason."""
        try:
            with open(self.log_file, "rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return "it has no log yet"
        return last_words(text.splitlines())

    def start_as_standby(self, settings: Mapping[str, str]) -> None:
        """Start the server as a standby and return when it answers.

        Raises CommandFailed with the server's last words when it ends instead, DeadlineExceeded
        when it does not answer in time.
        """
        installation = self.installation
        installation.ask_for_standby()
        self._prepare_log()
        argv = [installation.program("postgres"), "-D", installation.pgdata]
        if installation.config_file:
            argv += ["-c", f"config_file={installation.config_file}"]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        pid = installation.runner.start_daemon(argv, user=installation.user, log_file=self.log_file)
        self._deadline.wait_for(lambda: self._answers(pid), "PostgreSQL's answer to connections")

    def _answers(self, pid: int) -> bool:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            raise CommandFailed(
                f"PostgreSQL ended with {os.waitstatus_to_exitcode(status)} while starting "
                f"({self._last_words()}): see {self.log_file}"
            )
        try:
            self.client.server_state()
        except CommandFailed:
            return False
        return True

    def stop(self) -> None:
        """Stop the server, gently, then hard, then by SIGKILL; return when it is gone.

        A fast shutdown of a primary ends only when its standbys have received everything.
        Raises DeadlineExceeded when processes are left even so.
        """
        self.client.close()
        pid = self.installation.postmaster_pid()
        if pid is not None and not self._ended_in_order(pid):
            self._log.warning(f"PostgreSQL (pid {pid}) did not end when asked to: killing it")
            signal_process(pid, SIGKILL)
        self._end_sessions()

    def _ended_in_order(self, pid: int) -> bool:
        if is_stopped(pid):
            return False
        for number, share in ((signal.SIGINT, _FAST), (signal.SIGQUIT, _IMMEDIATE)):
            if self._ended(pid, number, share):
                return True
            self._log.warning(f"PostgreSQL (pid {pid}) did not end on {number.name}: going on")
        return False

    def _end_sessions(self) -> None:
        """Kill what is left of the server: a busy session outlives a postmaster that was killed."""

        def gone() -> bool:
            left = self.installation.server_processes()
            for process in left:
                signal_process(process, SIGKILL)
            return not left

        self._deadline.wait_for(gone, "the end of PostgreSQL")

    def _ended(self, pid: int, number: signal.Signals, share: float) -> bool:
        signal_process(pid, number)
        spent = self._deadline.total - self._deadline.left()
        patience = self._deadline.sooner(max(0.5, self._deadline.total * share - spent))
        return patience.holds(lambda: self.installation.postmaster_pid() is None)

    def promote(self) -> None:
        """Make the standby a primary and return when it is writable.

        Raises CommandFailed, or DeadlineExceeded when it does not become one in time.
        """
        # Without waiting inside the statement, whose own timeout is shorter than ours.
        if not self.client.ask("SELECT pg_promote(false)")[0][0]:
            raise CommandFailed(
                f"PostgreSQL did not take the order to become the primary ({self._last_words()}): "
                f"see {self.log_file}"
            )
        self._deadline.wait_for(
            lambda: not self.client.server_state().in_recovery, "PostgreSQL's promotion"
        )


def last_words(lines: Sequence[str]) -> str:
    """Return the last fatal message among ``lines`` of a server's log with its detail."""
    for place in range(len(lines) - 1, -1, -1):
        for severity in ("FATAL:", "PANIC:"):
            # Our own knocking while it starts is answered by a FATAL too.
            if severity in lines[place] and "the database system is" not in lines[place]:
                said = severity + lines[place].partition(severity)[2]
                after = "".join(lines[place + 1 : place + 2])
                return " ".join(f"{said} {after.partition('DETAIL:')[2]}".split())
    return lines[-1].strip() if lines else "its log is empty"

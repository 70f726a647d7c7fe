"""The one door to processes.

A command is an argument list with an explicit environment and a deadline; at the deadline its
whole process group is killed.  Its output is drained while it runs (a full pipe never blocks it)
and kept up to a bound.  ``subprocess`` would cost a monitor 15 ms to import; ``os.posix_spawn``
costs nothing and is as safe in threads.

A daemon that keeps our pipes open (``pg_ctl start``) does not hold up the caller: the command has
ended when its own process has, not when the last writer closes the pipe.
"""

from __future__ import annotations

import errno
import os
import select
import time

from xcat_hamn.errors import CommandFailed, CommandTimeout, MissingTool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.deadline import Deadline

PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/opt/xcat/sbin:/opt/xcat/bin"
#: Nothing of Pacemaker's own environment reaches a command (HOME, proxies and PYTHON* leak in).
#: The C locale: messages are parsed, and must not depend on the administrator's language.
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C", "LANG": "C", "HOME": "/root", "XCATROOT": "/opt/xcat"}
OUTPUT_LIMIT = 1 << 20
_SIGKILL = 9
_SIGPIPE = 13
_PIECE = 65536
#: Without pidfd_open (AIX, Linux before 5.3) the end of a child is polled for this often.
_POLL_MS = 20


class Result:
    """What a command left: exit code (negative: killed by that signal), output, seconds taken."""

    __slots__ = ("argv", "duration", "returncode", "stderr", "stdout")

    def __init__(
        self, argv: Sequence[str], returncode: int, stdout: str, stderr: str, duration: float
    ) -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self.duration = duration

    @property
    def ok(self) -> bool:
        """Tell whether the exit code was 0."""
        return self.returncode == 0

    def last_line(self) -> str:
        """Return the last line of stderr, or of stdout, for use inside a sentence."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1].strip() if lines else "it printed nothing"

    def require(self, why: str) -> Result:
        """Return self, or raise CommandFailed saying that ``why`` did not work."""
        if self.ok:
            return self
        raise CommandFailed(
            f"{why}: `{os.path.basename(self.argv[0])}` ended with {self.returncode} "
            f"({self.last_line()})"
        )


def find_executable(name: str, path: str = PATH) -> str:
    """Return the full path of ``name``.  Raises MissingTool."""
    candidates = [name] if "/" in name else [f"{part}/{name}" for part in path.split(":")]
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise MissingTool(
        f"`{name}` is not installed on this node (looked in {path if '/' not in name else name}): "
        "install the package that provides it"
    )


def _as_user(
    user: str, environment: dict[str, str], own: Mapping[str, str] | None = None
) -> list[str]:
    """Return the prefix that runs a command as ``user``, and adapt ``environment``.

    ``own`` is the user's part of it, which nothing that runs as root sees.
    """
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise MissingTool(
            f'there is no user "{user}" on this node: install the package that creates it'
        ) from None
    environment.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)
    if os.geteuid() == entry.pw_uid:
        environment.update(own or {})
        return []
    setpriv = find_executable("setpriv")
    change = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "--"]
    words = [f"{name}={value}" for name, value in (own or {}).items()]
    return [setpriv, *change, *([find_executable("env"), *words] if words else [])]


class _Child:
    """A started process with its pipes; ``pump`` moves data until it has ended."""

    def __init__(
        self,
        argv: list[str],
        environment: Mapping[str, str],
        limit: int,
        observe: Callable[[bytes], None] | None = None,
    ) -> None:
        self._limit = limit
        self._observe = observe
        self._kept: dict[int, list[bytes]] = {}
        self._sizes: dict[int, int] = {}
        self.status: int | None = None
        stdin_read, self._stdin = os.pipe()
        self._stdout, stdout_write = os.pipe()
        self._stderr, stderr_write = os.pipe()
        try:
            self.pid = os.posix_spawn(
                argv[0],
                argv,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin_read, 0),
                    (os.POSIX_SPAWN_DUP2, stdout_write, 1),
                    (os.POSIX_SPAWN_DUP2, stderr_write, 2),
                ],
                setpgroup=0,
                setsigdef=[_SIGPIPE],
            )
        except BaseException:
            for descriptor in (self._stdin, self._stdout, self._stderr):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin_read, stdout_write, stderr_write):
                os.close(descriptor)
        for descriptor in (self._stdout, self._stderr, self._stdin):
            os.set_blocking(descriptor, False)
        self._kept = {self._stdout: [], self._stderr: []}
        self._sizes = {self._stdout: 0, self._stderr: 0}

    def _read(self, descriptor: int) -> bool:
        """Read once; return False when nothing is there now or ever again."""
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return False
        room = self._limit - self._sizes[descriptor]
        if room > 0:
            self._kept[descriptor].append(piece[:room])
        self._sizes[descriptor] += len(piece)
        if self._observe and descriptor == self._stdout:
            self._observe(piece)
        return bool(piece)

    def _write(self, data: bytes) -> bytes:
        try:
            return data[os.write(self._stdin, data) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            return b""

    def _reap(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def pump(self, data: bytes, end: float) -> bool:
        """Feed ``data`` and drain the output until the child ended (True) or ``end`` (False)."""
        poll = select.poll()
        for descriptor in self._kept:
            poll.register(descriptor, select.POLLIN)
        if data:
            poll.register(self._stdin, select.POLLOUT)
        else:
            self._close_stdin()
        pidfd = self._watch_end(poll)
        try:
            while not self._reap():
                left = (end - time.monotonic()) * 1000
                if left <= 0:
                    return False
                wait = left if pidfd >= 0 else min(left, _POLL_MS)
                for descriptor, _event in poll.poll(max(1, int(wait))):
                    if descriptor == self._stdin:
                        data = self._write(data)
                        if not data:
                            poll.unregister(descriptor)
                            self._close_stdin()
                    elif descriptor != pidfd and not self._read(descriptor):
                        poll.unregister(descriptor)
            return True
        finally:
            if pidfd >= 0:
                os.close(pidfd)

    def _watch_end(self, poll: select.poll) -> int:
        try:
            pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return -1
        poll.register(pidfd, select.POLLIN)
        return pidfd

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def kill(self) -> None:
        """Kill the whole process group and reap the child."""
        try:
            os.killpg(self.pid, _SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            os.kill(self.pid, _SIGKILL)
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]

    def close(self) -> tuple[str, str]:
        """Close the pipes and return stdout and stderr as text."""
        texts = []
        for descriptor in (self._stdout, self._stderr):
            # A daemon left behind may write for ever: no more is read than is kept.
            while self._sizes[descriptor] <= self._limit and self._read(descriptor):
                pass
            os.close(descriptor)
            texts.append(b"".join(self._kept[descriptor]).decode("utf-8", "replace"))
        self._close_stdin()
        return texts[0], texts[1]


class Runner:
    """Runs commands; ``deadline`` bounds each of them, ``log`` gets a transcript when tracing.

    ``secrets`` are replaced in the transcript and in messages; they never belong on a command
    line either.
    """

    __slots__ = ("_deadline", "_log", "_secrets")

    def __init__(
        self,
        deadline: Deadline | None = None,
        log: Log | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._deadline = deadline
        self._log = log
        self._secrets = tuple(secret for secret in secrets if secret)

    def _redacted(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return message

    def _trace(self, message: str) -> None:
        if self._log:
            self._log.trace(self._redacted(message))

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002 - subprocess.run's own name for it
        user: str | None = None,
        user_env: Mapping[str, str] | None = None,
        limit: int = OUTPUT_LIMIT,
        observe: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run ``argv`` to its end and return its Result, whatever its exit code.

        ``timeout`` is in seconds and never exceeds the action's deadline.  ``env`` is added to
        the fixed ENVIRONMENT; ``user_env`` only behind the change to ``user``, for variables by
        which that user could make root run something (LD_LIBRARY_PATH).  ``observe`` gets the
        standard output as it comes.  Raises MissingTool when the program is absent,
        CommandTimeout (after killing the process group) when it does not end in time.
        """
        environment = {**ENVIRONMENT, **(env or {})}
        command = [find_executable(argv[0], environment["PATH"]), *argv[1:]]
        if user:
            command = [*_as_user(user, environment, user_env), *command]
        if self._deadline:
            timeout = self._deadline.at_most(timeout)
        begun = time.monotonic()
        try:
            child = _Child(command, environment, limit, observe)
        except OSError as problem:
            if problem.errno in (errno.ENOENT, errno.ENOEXEC, errno.EACCES):
                raise MissingTool(
                    f"`{argv[0]}` cannot be executed on this node ({problem.strerror}): "
                    "repair or reinstall the package that provides it"
                ) from None
            raise
        finished = False
        try:
            finished = child.pump(input.encode(), begun + timeout)
        finally:
            if not finished:
                child.kill()
            stdout, stderr = child.close()
        duration = time.monotonic() - begun
        shown = self._redacted(" ".join(argv))
        if not finished:
            self._trace(f"run: {shown} -> killed after {duration:.3f} s")
            raise CommandTimeout(
                f"`{shown}` had not ended after {duration:.0f} s and was killed: look at why it "
                "hangs, or raise the operation's timeout"
            )
        returncode = os.waitstatus_to_exitcode(child.status or 0)
        self._trace(f"run: {shown} -> {returncode} in {duration:.3f} s; {stdout!r} {stderr!r}")
        return Result(argv, returncode, stdout, stderr, duration)

    def start_daemon(self, argv: Sequence[str], *, user: str, log_file: str) -> int:
        """Start ``argv`` in a session of its own, output appended to ``log_file``; return its pid.

        For servers that stay in the foreground.  It outlives this agent and is not in the group
        that Pacemaker kills at a timeout.  Raises MissingTool.
        """
        environment = dict(ENVIRONMENT)
        command = [find_executable(argv[0]), *argv[1:]]
        command = [*_as_user(user, environment), *command]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log_file, append, 0o640),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=[_SIGPIPE],
        )
        self._trace(f"daemon: {' '.join(argv)} -> pid {pid}")
        return pid

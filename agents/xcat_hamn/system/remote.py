"""The other node, over OpenSSH: the same door to processes, with a network in it.

Nothing is ever asked (BatchMode), and only a host that is known is talked to.  sshd hands a command
to a shell, so each word is quoted.  One connection serves all commands (ControlMaster); its socket
lies in a directory of our own.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import tempfile

from xcat_hamn.errors import CommandTimeout, HamnError, MissingTool
from xcat_hamn.system.runner import ENVIRONMENT, OUTPUT_LIMIT, Result, Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "15",
    "ControlMaster": "auto",
    "ControlPersist": "60",
    "LogLevel": "ERROR",
}
#: ssh's own failures (ssh(1)), and how timeout(1) ends for a command that it ended.
_SSH_FAILED = 255
_TIMED_OUT, _KILLED, _ABSENT = 124, 137, 127
#: Seconds that a command gets to end when its time is over, and ssh to tell us.
_GRACE = 5
#: What ssh says -> what to do; a key that has changed is also one whose verification failed.
_ADVICE = (
    (
        "IDENTIFICATION HAS CHANGED",
        "its host key has changed: find out why, then remove the old one with `ssh-keygen -R "
        "{address}`",
    ),
    (
        "Host key verification failed",
        "its host key is not known: compare it, and accept it with `ssh root@{address} true`",
    ),
    (
        "Permission denied",
        "root may not log in there without a password: put root's public key into "
        "~root/.ssh/authorized_keys of that node (requirement 4.0)",
    ),
    ("Connection refused", "no sshd listens there: start it"),
    ("Could not resolve", "its name cannot be resolved: correct [cluster] nodes"),
)
_OTHERWISE = "look at the network and at sshd of that node"


class Unreachable(HamnError):
    """The other node cannot be reached over ssh."""


class Remote(Runner):
    """Runs commands on the node at ``address``; ``folder`` is ours alone, for the connection.

    ``more``: options of ssh beside those of its configuration files.
    """

    __slots__ = ("_address", "_options", "_users")

    def __init__(self, address: str, folder: str, more: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._address = address
        options = {**_OPTIONS, "ControlPath": f"{folder}/%C", **(more or {})}
        self._options = [
            word for key, value in options.items() for word in ("-o", f"{key}={value}")
        ]
        self._users: dict[str, list[str]] = {}

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002
        user: str | None = None,
        user_env: Mapping[str, str] | None = None,
        limit: int = OUTPUT_LIMIT,
        observe: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run ``argv`` there, as the Runner does here.  Raises Unreachable too."""
        command = self._command(argv, {**ENVIRONMENT, **(env or {})}, user, user_env)
        limited = ["timeout", f"--kill-after={_GRACE}", f"{timeout:.3f}", *command]
        done = super().run(
            ["ssh", *self._options, f"root@{self._address}", "--", shlex.join(limited)],
            timeout=timeout + 3 * _GRACE,
            input=input,
            limit=limit,
            observe=observe,
        )
        shown = " ".join(argv)
        if done.returncode == _SSH_FAILED:
            raise Unreachable(self._sentence(done.stderr))
        if done.returncode in (_TIMED_OUT, _KILLED):
            raise CommandTimeout(
                f"`{shown}` on {self._address} had not ended after {timeout:.0f} s and was killed: "
                "look at why it hangs there"
            )
        if done.returncode == _ABSENT:
            raise MissingTool(
                f"`{argv[0]}` is not installed on {self._address}: install the package that "
                "provides it"
            )
        return Result(argv, done.returncode, done.stdout, done.stderr, done.duration)

    def _command(
        self,
        argv: Sequence[str],
        environment: dict[str, str],
        user: str | None,
        user_env: Mapping[str, str] | None,
    ) -> list[str]:
        if not user:
            return ["env", *_words(environment), *argv]
        if user not in self._users:
            self._users[user] = self.run(["getent", "passwd", user]).stdout.strip().split(":")
        fields = self._users[user]
        if len(fields) < 7:
            raise MissingTool(
                f'there is no user "{user}" on {self._address}: install the package that '
                "creates it"
            )
        environment.update(HOME=fields[5], USER=user, LOGNAME=user)
        change = [f"--reuid={fields[2]}", f"--regid={fields[3]}", "--init-groups", "--"]
        own = {**environment, **(user_env or {})}
        return ["setpriv", *change, "env", *_words(own), *argv]

    def _sentence(self, said: str) -> str:
        advice = next((text for words, text in _ADVICE if words in said), _OTHERWISE)
        last = (said.strip().splitlines() or ["it said nothing"])[-1].strip()
        return (
            f"ssh to root@{self._address} failed ({last}): {advice.format(address=self._address)}"
        )

    def shell(self) -> str:
        """Return the remote shell for rsync."""
        return shlex.join(["ssh", *self._options])

    def place(self, path: str) -> str:
        """Return how rsync calls ``path`` there."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"root@{host}:{path}"

    def close(self) -> None:
        """End the connection, if one was made."""
        argv = ["ssh", *self._options, "-O", "exit", f"root@{self._address}"]
        super().run(argv, timeout=10)


def _words(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def is_here(address: str) -> bool:
    """Tell whether ``address`` is one of this node's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def reached(address: str, *, port: int = 22) -> Iterator[Remote]:
    """Give the door to the node at ``address``; the connection ends with the context."""
    with tempfile.TemporaryDirectory(prefix="xcat-hamn-ssh.") as folder:
        remote = Remote(address, folder, {"Port": str(port)} if port != 22 else {})
        try:
            yield remote
        finally:
            with contextlib.suppress(HamnError):
                remote.close()

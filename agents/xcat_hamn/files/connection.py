"""The one ssh connection to the other node that all copies share, and its configuration.

OpenSSH does the work: a configuration file of our own (root's is not read), host keys that are
known beforehand, a key that opens one command, and one master connection, so that a copy costs no
key exchange (0.25 s).  A session that finds no master fails at once instead of connecting itself:
ending the master ends everything that is under way.
"""

from __future__ import annotations

import os
import time
from typing import ClassVar

from xcat_hamn.errors import CommandTimeout
from xcat_hamn.files import ports
from xcat_hamn.files.locks import held
from xcat_hamn.files.outcome import Outcome, outcome
from xcat_hamn.files.places import Places
from xcat_hamn.files.request import Request
from xcat_hamn.system.files import remove, write_text
from xcat_hamn.system.runner import Runner

#: What the configuration calls the other node; its real name stands in ``HostKeyAlias``.
HOST = "peer"
#: Seconds for reaching the other node, and between two signs of life of it.
_CONNECT = 10
_ALIVE = 5
#: Seconds after which an unused connection ends: one whose process was killed does not stay.
_IDLE = 300


def alias(node: str) -> str:
    """Return the name under which the host key of ``node`` is known."""
    return f"xcat-hamn-{node}"


def base_path(places: Places, peer: str, number: int) -> str:
    """Return the master's socket, with which its configuration's names begin.

    The name of a socket is at most 107 bytes long (unix(7)), and ssh makes it longer at first.
    """
    return f"{places.run}/ssh-{peer[:32]}.{number}"


def configuration(
    peer: str, address: str, places: Places, base: str, *, port: int = 22, master: bool
) -> str:
    """Return the ssh_config for ``peer`` at ``address``; ``master``: for the connection itself."""
    lines = [
        f"HostName {address}", f"HostKeyAlias {alias(peer)}", f"Port {port}", "User root",
        f"IdentityFile {places.keys}/id", "IdentitiesOnly yes", "IdentityAgent none",
        f"UserKnownHostsFile {places.keys}/known_hosts", "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes", "UpdateHostKeys no", "CheckHostIP no", "BatchMode yes",
        "PreferredAuthentications publickey", f"ConnectTimeout {_CONNECT}", "ConnectionAttempts 1",
        f"ServerAliveInterval {_ALIVE}", "ServerAliveCountMax 3", "TCPKeepAlive yes",
        "Compression no", "ClearAllForwardings yes", "ForwardAgent no", "RequestTTY no",
        "EscapeChar none", "PermitLocalCommand no", "LogLevel ERROR",
        f"ControlPath {base}",
    ]  # fmt: skip
    if master:
        lines += ["ControlMaster yes", f"ControlPersist {_IDLE}"]
    else:
        lines += ["ControlMaster no", "ProxyCommand /bin/false"]
    return "\n".join([f"Host {HOST}", *(f"    {line}" for line in lines)]) + "\n"


class Connection:
    """Opens the shared connection when it is needed, asks small questions over it, closes it."""

    _made: ClassVar[dict[tuple[str, str], int]] = {}

    def __init__(
        self, peer: str, address: str, places: Places, runner: Runner, *, port: int = 22
    ) -> None:
        self.peer = peer
        self._address = address
        self._places = places
        self._runner = runner
        self._port = port
        self._written = False
        # Each has a master of its own, so that cancelling one copy leaves the others alone.  The
        # numbers start over with the process: it goes on with what its predecessor left behind.
        number = Connection._made.get((places.run, peer), 0)
        Connection._made[places.run, peer] = number + 1
        self.base = base_path(places, peer, number)

    def shell(self) -> str:
        """Return rsync's ``--rsh``: ssh over the shared connection only."""
        return f"ssh -F {self.file('session')}"

    def file(self, kind: str) -> str:
        """Return the configuration of the "master", or of a "session" over it."""
        return f"{self.base}.{kind}.conf"

    def write(self) -> None:
        """Write the configuration, once."""
        if self._written:
            return
        os.makedirs(self._places.run, mode=0o700, exist_ok=True)
        for kind in ("master", "session"):
            text = configuration(
                self.peer,
                self._address,
                self._places,
                self.base,
                port=self._port,
                master=kind == "master",
            )
            write_text(self.file(kind), text)
        self._written = True

    def open(self, *, sure: bool = False) -> Outcome:
        """Make sure that the connection is there; ``sure``: ask the master, not its socket alone.

        Two threads may ask at once.  Raises MissingTool, NodeError.
        """
        if self._written and not sure and self._there():
            return Outcome(ports.OK)
        with held(self._places.lock("connection"), 3 * _CONNECT):
            return self._open(sure)

    def _open(self, sure: bool) -> Outcome:
        self.write()
        if self._there() if not sure else self._alive():
            return Outcome(ports.OK)
        remove(self.base)
        argv = ["ssh", "-F", self.file("master"), "-n", "-N", "-f", HOST]
        try:
            said = self._runner.run(argv, timeout=_CONNECT * 2)
        except CommandTimeout:
            return Outcome(
                ports.UNREACHABLE,
                f"{self.peer} does not answer at {self._address}: look at the network",
            )
        # Another process may have opened it meanwhile; then it is as good.
        if said.ok or self._alive():
            return Outcome(ports.OK)
        return outcome(said.returncode or 255, said.stderr, self.peer)

    def _there(self) -> bool:
        return os.path.exists(self.base)

    def _alive(self) -> bool:
        if not self._there():
            return False
        argv = ["ssh", "-F", self.file("session"), "-O", "check", HOST]
        return self._runner.run(argv, timeout=5).ok

    def ask(self, request: Request, timeout: float) -> tuple[Outcome, str, float]:
        """Return what became of ``request``, what was said to it, and the seconds it took."""
        begun = time.monotonic()
        argv = ["ssh", "-F", self.file("session"), "-n", HOST, request.line()]
        said = self._runner.run(argv, timeout=timeout)
        took = time.monotonic() - begun
        return outcome(said.returncode, said.stderr, self.peer), said.stdout, took

    def close(self) -> None:
        """End the connection and all that runs over it; fine when there is none."""
        if not self._there():
            return
        self.write()
        self._runner.run(["ssh", "-F", self.file("session"), "-O", "exit", HOST], timeout=5)

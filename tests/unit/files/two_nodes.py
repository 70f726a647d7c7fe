"""Two nodes in two directories of one machine, with OpenSSH's own server between them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from xcat_hamn.files import keys
from xcat_hamn.files.places import Places
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.transfer import SshTransfer
from xcat_hamn.system.runner import Runner

ROOT = Path(__file__).resolve().parents[3]
RECEIVER = ROOT / "bin" / "xcat-filesync-receive"
SSHD = "/usr/sbin/sshd"

DEFINITIONS = """\
[values]
top = {top}

[set install]
paths = {{top}}/install
importance = 50

[set credentials]
paths =
    {{top}}/etc/xcat: ca cert
    {{top}}/home/.xcat
as_one = yes
importance = 10

[set keys]
paths = {{top}}/home/.ssh: id_* config

[set hosts]
paths = {{top}}/etc: hosts
merge = hosts
"""


class Node:
    """A node: its places, its tree, its view of the sets."""

    def __init__(self, name: str, top: Path, definitions: str = DEFINITIONS) -> None:
        self.name = name
        self.under = top / name
        self.tree = self.under / "tree"
        self.places = Places(str(self.under))
        self.define(definitions)
        self.tree.mkdir(parents=True)

    def define(self, definitions: str) -> None:
        """Replace the definitions of the sets on this node."""
        directory = Path(self.places.definitions[-1])
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "test.conf").write_text(definitions.format(top=self.tree))

    @property
    def sets(self):
        return admitted(load(self.places.definitions))

    def set(self, name: str):
        found = self.sets.named(name)
        assert found is not None, self.sets.problems
        return found

    def path(self, name: str) -> Path:
        return self.tree / name

    def write(self, name: str, content: str | bytes = "x\n", mode: int = 0o644) -> Path:
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path


class Server:
    """OpenSSH's server for one node, on a free port of the loopback."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authorized = directory / "authorized_keys"
        self.key = directory / "host_key"
        directory.mkdir()
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(keygen, check=True, timeout=30)
        self.authorized.touch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = directory / "log"
        self.root_login = "forced-commands-only"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def public(self) -> str:
        return keys.public(Path(f"{self.key}.pub").read_text(), str(self.key))

    def start(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        lines = [
            "ListenAddress 127.0.0.1", f"Port {self.port}", f"HostKey {self.key}",
            f"AuthorizedKeysFile {self.authorized}", "PasswordAuthentication no", "UsePAM no",
            f"PermitRootLogin {self.root_login}", "StrictModes no",
            f"PidFile {self.directory}/pid", "KbdInteractiveAuthentication no",
            "MaxSessions 20",
            # Else bash reads ~/.bashrc for each command, and that takes as long as it likes.
            "SetEnv SHLVL=2",
        ]  # fmt: skip
        (self.directory / "sshd_config").write_text("\n".join(lines) + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.directory / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        wait_for(self._listens, "sshd listens")

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


class Pair:
    """Node mn1, the source, and node mn2, which receives by way of a real sshd."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.source = Node("mn1", top)
        self.replica = Node("mn2", top)
        self.server = Server(top / "sshd")
        self.runner = Runner()
        self._transfers: list[SshTransfer] = []

    def start(self) -> None:
        self.server.start()
        key = keys.make_key(self.source.places, "mn1", self.runner)
        self.authorize(key)
        keys.know(self.source.places, "mn2", [self.server.public], self.runner)
        become_source(self.source.places, "mn1")

    def authorize(self, key: str, peer: str = "mn1") -> None:
        """Let ``key`` send files to mn2 in the name of ``peer``."""
        program = (sys.executable, "-IS", str(RECEIVER), "--under", str(self.replica.under))
        line = keys.authorization("mn2", peer, key, program=program)
        keys.authorize(str(self.server.authorized), line, self.runner)

    def transfer(self, node: str = "mn1", places: Places | None = None) -> SshTransfer:
        made = SshTransfer(
            node, "mn2", "127.0.0.1", places or self.source.places, self.runner,
            port=self.server.port,
        )  # fmt: skip
        self._transfers.append(made)
        return made

    def master(self) -> str:
        """Return a configuration with which anybody's ssh reaches mn2."""
        connection = self.transfer()._connection
        connection.write()
        return connection.file("master")

    def asked(self, words: str) -> subprocess.CompletedProcess[bytes]:
        """Send ``words`` as the holder of mn1's key could, past all of our own code."""
        argv = ["ssh", "-F", self.master(),
                "-o", "ControlMaster=no", "-o", "ControlPath=none", "peer", words]  # fmt: skip
        return subprocess.run(argv, input=b"", capture_output=True, check=False, timeout=60)

    def stop(self) -> None:
        for transfer in self._transfers:
            transfer.close()
        self.server.stop()


def wait_for(condition, what: str, seconds: float = 20.0) -> None:
    """Wait until ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def can_run() -> str | None:
    """Return why two nodes cannot be tested on this host, or None."""
    if os.geteuid() != 0:
        return "needs root: changes the root directory, and owners"
    missing = [name for name in (SSHD, "rsync", "setfacl", "setfattr") if not shutil.which(name)]
    if missing:
        return f"needs {' '.join(missing)}"
    return None if pwd.getpwuid(0).pw_shell else "root has no shell"


def listing(tree: Path) -> dict[bytes, tuple[object, ...]]:
    """Return everything below ``tree``: kind and mode, owner, size, time, and content."""
    found = {}
    top = os.fsencode(tree)
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content: bytes | None = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                content = Path(os.fsdecode(path)).read_bytes()
            facts = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, content)
            found[os.path.relpath(path, top)] = facts
    return found

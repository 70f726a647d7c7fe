"""One lab node: a booted systemd in systemd-nspawn, driven from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from labkit import cgroups, disk, host, network
from labkit.disk import ADDRESSES, DOMAIN
from labkit.host import CommandFailed, LabError, call, wait_for

__all__ = ["ADDRESSES", "BOOT_SECONDS", "DOMAIN", "Node", "wait_for"]

BOOT_SECONDS = 120.0


class Node:
    """A machine of the lab; made by Lab, which knows the image."""

    def __init__(self, lab: str, name: str) -> None:
        self.lab = lab
        self.name = name
        self.home = f"{host.STATE}/{lab}/{name}"
        self.ipv4 = disk.ipv4(name)
        self.ipv6 = disk.ipv6(name)

    def __repr__(self) -> str:
        return f"<node {self.name} of lab {self.lab}>"

    # -- running commands -------------------------------------------------------------------

    def argv(self, command: Sequence[str]) -> list[str]:
        """Return the host's command line that runs `command` inside the node.

        Raises LabError when the node is not running.
        """
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} of lab '{self.lab}' is not running: boot it first.")
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root"]
        return ["nsenter", f"--target={init}", *spaces, "--wdns=/root", "--", *command]

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 60,
        stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the node as root; return its code and output as text.

        `env` adds to a clean environment. Raises CommandFailed when the command does not end
        within `timeout` seconds (its group is killed) or, with `check`, with a code other than 0.
        """
        full = self.argv(command)
        return call(
            full, timeout=timeout, check=check, stdin=stdin, env=_inside(env), where=self.name
        )

    def output(self, *command: str, timeout: float | None = 60) -> str:
        """Return what a command prints, without the white space around it."""
        return self.run(command, timeout=timeout).stdout.strip()

    def succeeds(self, *command: str, timeout: float | None = 60) -> bool:
        """Return whether the command ends with 0 in time."""
        try:
            return self.run(command, check=False, timeout=timeout).returncode == 0
        except CommandFailed:
            return False

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start `command` in the node and return its process, in a session of its own.

        The caller ends it, with os.killpg for what it started; a crash of the node does too.
        """
        return subprocess.Popen(
            self.argv(command),
            env=_inside(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    # -- files ------------------------------------------------------------------------------

    def put(
        self, path: str, content: str | bytes, mode: int = 0o644, owner: str = "root:root"
    ) -> None:
        """Write a file in the node, in place of what is there; folders are made.

        `owner` is user:group.
        """
        user, _, group = owner.partition(":")
        rights = [f"--mode={mode:o}", f"--owner={user}", f"--group={group or user}"]
        self.run(["install", "-D", *rights, "/dev/stdin", path], stdin=content)

    def put_file(self, source: str, path: str) -> None:
        """Copy one file of the host into the node, with its mode."""
        with open(source, "rb") as stream:
            self.put(path, stream.read(), os.stat(source).st_mode & 0o7777)

    def put_tree(self, source: str, path: str) -> None:
        """Copy a folder of the host into the node, as the folder `path`."""
        packed = subprocess.run(
            ["tar", "-C", source, "--owner=0", "--group=0", "-cf", "-", "."],
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        ).stdout
        self.run(["mkdir", "-p", path])
        self.run(["tar", "-C", path, "-xf", "-"], stdin=packed)

    def get(self, path: str) -> str:
        """Return the content of a text file of the node."""
        return self.run(["cat", path]).stdout

    # -- waiting ----------------------------------------------------------------------------

    def wait_for(
        self,
        condition: Callable[[], object] | Sequence[str],
        timeout: float = 30,
        interval: float = 0.1,
        what: str = "",
    ) -> None:
        """Wait until a function returns something true, or a command in the node returns 0.

        Raises LabError after `timeout` seconds, with `what` or the command in its text.
        """
        if callable(condition):
            wait_for(condition, timeout, interval, what or f"a condition on {self.name}")
            return
        command = list(condition)
        named = what or f"'{' '.join(command)}' on {self.name}"
        wait_for(lambda: self.succeeds(*command, timeout=timeout), timeout, interval, named)

    # -- power and cable --------------------------------------------------------------------

    def powered(self) -> bool:
        """Return whether the node is switched on, be it that it has no init yet."""
        return self._supervisor() is not None

    def running(self) -> bool:
        """Return whether the node has power, that is, a running init."""
        return self.init() is not None

    def init(self) -> int | None:
        """Return the host's pid of the node's init, None while there is none."""
        supervisor = self._supervisor()
        if supervisor is None:
            return None
        waiting = [supervisor]
        while waiting:
            pid = waiting.pop()
            if pid != supervisor and _is_init(pid):
                return pid
            waiting.extend(_children(pid))
        return None

    def _supervisor(self) -> int | None:
        """Return the pid of this node's systemd-nspawn (or of what is to become it)."""
        try:
            with open(f"{self.home}/supervisor", encoding="ascii") as stream:
                pid, birth = stream.read().split()
        except (FileNotFoundError, ValueError):
            return None
        # A pid alone may have been given to somebody else since.
        return int(pid) if host.started(int(pid)) == birth else None

    def prepare(self) -> None:
        """Make the node's empty disk, with what tells it from the others."""
        disk.prepare(self.home, self.lab, self.name)

    def power_on(self, image: str) -> None:
        """Start the node without waiting for its boot."""
        if self._supervisor() is not None:
            raise LabError(f"{self.name} of lab '{self.lab}' is running already.")
        cgroups.remove(self.lab, self.name)
        mac = f"02:00:0a:0b:00:{ADDRESSES[self.name]:02x}"
        namespace = network.plug(self.lab, self.name, mac)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.home}/supervisor")
        launch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
        # Not this process's child: the node outlives the command that booted it.
        apart = ["setsid", "--fork", "nsenter", f"--net={namespace}"]
        apart += ["unshare", "--mount", "--propagation", "private", "--"]
        with open(f"{self.home}/console.log", "ab") as console:
            subprocess.run(
                [*apart, "/usr/bin/python3", "-I", launch, self.lab, self.name, image],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=host.environment({host.MARK: self.lab}),
                check=True,
                timeout=30,
            )
        recorded = f"{self.home}/supervisor"
        try:
            wait_for(lambda: os.path.exists(recorded), 20, 0.01, f"the launch of {self.name}")
        except LabError as error:
            raise LabError(f"{error} {self.console()[-1500:]}") from None
        network.forget_name(self.lab, self.name)

    def wait_booted(self, timeout: float = BOOT_SECONDS) -> None:
        """Wait until systemd in the node has started everything.

        Raises LabError with the end of the console when the node dies or takes too long.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._supervisor() is None:
                raise LabError(f"{self.name} died while booting: {self.console()[-1500:]}")
            if self.init() is not None and self._ready():
                return
            time.sleep(0.2)
        raise LabError(f"{self.name} did not boot within {timeout:.0f} s: {self._boot_state()}")

    def _boot_state(self) -> str:
        """Return what a person needs to see when a node hangs in its boot."""
        said = [self.console()[-1500:]]
        if self.init() is not None:
            for command in (
                ["systemctl", "list-jobs"],
                ["ip", "address", "show", "dev", "eth0"],
                ["journalctl", "--no-pager", "--lines=30"],
            ):
                with contextlib.suppress(LabError):
                    ended = self.run(command, check=False, timeout=10)
                    said.append(ended.stdout + ended.stderr)
        return "\n".join(said)

    def _ready(self) -> bool:
        """Return whether systemd has started all, and no address is still being probed."""
        try:
            state = self.run(["systemctl", "is-system-running"], check=False, timeout=20).stdout
            if state.strip() not in ("running", "degraded"):
                return False
            return not self.output("ip", "-6", "address", "show", "dev", "eth0", "tentative")
        except LabError:
            return False

    def crash(self) -> None:
        """Take the node's power away: nothing inside gets a chance to say or write anything.

        The cable goes first, since a dying kernel socket would still say good-bye to its peer.
        """
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} of lab '{self.lab}' is not running.")
        with contextlib.suppress(LabError):
            network.set_port(self.lab, self.name, up=False)
        with contextlib.suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)
        self.wait_off()

    def power_off(self, timeout: float = 60) -> None:
        """Shut the node down in order, as `systemctl poweroff` does."""
        self.run(["systemctl", "poweroff"], check=False)
        self.wait_off(timeout)

    def wait_off(self, timeout: float = 20) -> None:
        """Wait for the end of the node's processes, then clear away its port and groups."""
        wait_for(lambda: self._supervisor() is None, timeout, 0.02, f"the end of {self.name}")
        network.unplug(self.lab, self.name)
        cgroups.remove(self.lab, self.name)

    def cut(self) -> None:
        """Pull the node's network cable."""
        network.set_port(self.lab, self.name, up=False)

    def heal(self) -> None:
        """Plug the node's network cable in again."""
        network.set_port(self.lab, self.name, up=True)

    # -- logs -------------------------------------------------------------------------------

    def console(self) -> str:
        """Return what the node wrote to its console at all its boots."""
        try:
            with open(f"{self.home}/console.log", encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def journal(self, *options: str) -> str:
        """Return the node's journal, which a crashed node still has on its disk."""
        command = ["journalctl", "--no-pager", "-o", "short-precise", *options]
        if self.running():
            return self.run(command, check=False).stdout
        disk = f"{self.home}/upper/var/log/journal"
        if not shutil.which("journalctl", path=host.PATH) or not os.path.isdir(disk):
            return self.console()
        return call([*command, f"--directory={disk}"], check=False).stdout


def _inside(env: Mapping[str, str] | None) -> dict[str, str]:
    return host.environment({"USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", **(env or {})})


def _children(pid: int) -> list[int]:
    """Return the children of a process's main thread; none when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return [int(child) for child in stream.read().split()]
    except OSError:
        return []


def _is_init(pid: int) -> bool:
    """Return whether this process is number 1 of a pid namespace right below the host's."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return len(numbers) > 1 and numbers[-1] == "1"
    return False

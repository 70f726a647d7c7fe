"""Small machines: a mount, network and UTS namespace each, joined by an Ethernet segment.

Less than the lab (no init, no cluster), and up in milliseconds: enough for what an agent does to
addresses, host name and /run.  They die with the test process, however that ends.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
#: Keeps the namespaces alive, and not longer than the test process.
FOREVER = ["setpriv", "--pdeathsig", "KILL", "sleep", "infinity"]
#: A stand-in for Pacemaker's tool: writes its arguments into a file, and hangs when told to.
ATTRD_UPDATER_PATH = "/usr/sbin/attrd_updater"
ATTRD_UPDATER = """#!/bin/sh
echo "$*" >> /run/attrd_updater.calls
[ -e /run/attrd_updater.hangs ] && exec sleep 60
exit 0
"""


class Outcome:
    """What an agent's action left: exit code, exit reason, everything it wrote, seconds taken."""

    def __init__(self, code: int, stdout: str, stderr: str, seconds: float) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds
        prefix = "ocf-exit-reason:"
        lines = [line for line in stderr.splitlines() if line.startswith(prefix)]
        self.reason = lines[-1][len(prefix) :] if lines else ""

    def __repr__(self) -> str:
        return f"<{self.code} {self.reason!r} stdout={self.stdout!r} stderr={self.stderr!r}>"


def wait_until(condition, what: str, seconds: float = 10.0) -> None:
    """Poll ``condition`` until it holds; fail with ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Machine:
    """One set of namespaces; ``run`` runs a command in them."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--propagation", "private", *FOREVER]
        )
        comm = Path(f"/proc/{self._process.pid}/comm")
        wait_until(lambda: comm.read_text().strip() == "sleep", f"namespaces of {name}")
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        self.run("mount", "-t", "sysfs", "sysfs", "/sys")
        self.run("hostname", name)
        self.run("ip", "link", "set", "lo", "up")
        stand_in = directory / f"attrd_updater.{name}"
        stand_in.write_text(ATTRD_UPDATER)
        stand_in.chmod(0o755)
        self.run("mount", "--bind", str(stand_in), ATTRD_UPDATER_PATH)

    @property
    def pid(self) -> str:
        return str(self._process.pid)

    def enter(self, *argv: str) -> list[str]:
        """Return the command that runs ``argv`` inside."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--", *argv]

    def run(self, *argv: str, check: bool = True) -> str:
        """Run ``argv`` inside and return its standard output."""
        done = subprocess.run(
            self.enter(*argv), capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, f"{argv}: {done.returncode} {done.stderr}"
        return done.stdout

    def call(self, argv: Sequence[str]) -> Outcome:
        """Run ``argv`` inside and return how it ended, whatever its exit code."""
        begun = time.monotonic()
        done = subprocess.run(
            self.enter(*argv), capture_output=True, text=True, timeout=60, check=False
        )
        return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)

    def environment(self, parameters: Mapping[str, str], **more: str) -> dict[str, str]:
        """Return the environment that Pacemaker gives to an agent."""
        return {
            "PATH": PATH,
            "LC_ALL": "C",
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RA_VERSION_MAJOR": "1",
            "OCF_RA_VERSION_MINOR": "1",
            "OCF_RESOURCE_INSTANCE": "tested",
            "OCF_RESOURCE_PROVIDER": "heartbeat",
            "OCF_EXIT_REASON_PREFIX": "ocf-exit-reason:",
            "OCF_RESKEY_CRM_meta_timeout": "20000",
            "OCF_RESKEY_CRM_meta_on_node": self.name,
            **{f"OCF_RESKEY_{name}": value for name, value in parameters.items()},
            **more,
        }

    def begin(
        self, agent: str, action: str, parameters: Mapping[str, str], **more: str
    ) -> subprocess.Popen[str]:
        """Start an agent's action, in a process group of its own as Pacemaker does."""
        return subprocess.Popen(
            self.enter(agent, action),
            env=self.environment(parameters, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def act(self, agent: str, action: str, parameters: Mapping[str, str], **more: str) -> Outcome:
        """Run an agent's action to its end."""
        begun = time.monotonic()
        process = self.begin(agent, action, parameters, **more)
        try:
            stdout, stderr = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise
        return Outcome(process.returncode, stdout, stderr, time.monotonic() - begun)

    def has(self, address: str, interface: str = "eth0") -> bool:
        """Tell whether ``address`` (with its prefix length) is on ``interface``."""
        shown = self.run("ip", "-o", "address", "show", "dev", interface, check=False)
        return f" {address} " in shown

    def hostname(self) -> str:
        return self.run("uname", "-n").strip()

    def attribute_calls(self) -> list[str]:
        """Return what was asked of attrd_updater, one line a call."""
        return self.run("cat", "/run/attrd_updater.calls", check=False).splitlines()

    def close(self) -> None:
        """End the machine and every process in its network namespace."""
        self._process.kill()
        self._process.wait()


def join(one: Machine, other: Machine, interface: str = "eth0") -> None:
    """Connect two machines by a cable: interface ``interface`` in each, switched on."""
    ends = ["type", "veth", "peer", "name", interface]
    command = ["ip", "link", "add", interface, "netns", one.pid, *ends, "netns", other.pid]
    subprocess.run(command, check=True)
    for machine in (one, other):
        machine.run("ip", "link", "set", interface, "up")


def addresses(machine: Machine, *texts: str, interface: str = "eth0") -> None:
    """Give a machine its own addresses, without the wait for IPv6's duplicate detection."""
    for text in texts:
        nodad: Sequence[str] = ["nodad"] if ":" in text else []
        machine.run("ip", "address", "add", text, "dev", interface, *nodad)

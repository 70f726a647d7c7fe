"""Finding and ending what an earlier run left: by mark, group and namespace, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from labkit import host


def marked(mark: str) -> list[int]:
    """Return the processes that the lab started on the host under this mark."""
    wanted = f"{host.MARK}={mark}".encode()
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as stream:
            if wanted in stream.read().split(b"\0"):
                found.append(pid)
    return found


def below(root: str) -> list[int]:
    """Return the processes whose root directory is `root` or below it (a killed image build's)."""
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError):
            seen = os.readlink(f"/proc/{pid}/root")
            if seen == root or seen.startswith(f"{root}/"):
                found.append(pid)
    return found


def in_cgroups(prefix: str) -> list[int]:
    """Return the processes in cgroups whose path holds a part that starts with `prefix`."""
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as stream:
            if any(f"/{prefix}" in line for line in stream):
                found.append(pid)
    return found


def end(find: list[int]) -> None:
    """Kill these processes."""
    for pid in find:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def end_builds(release: str) -> None:
    """End an image build whose owner died; the caller holds the release's lock."""
    root = f"{host.CACHE}/.{release}.new/root"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = marked(f"build.{release}") + below(root)
        if not found:
            return
        end(found)
        time.sleep(0.05)


def images_in_use() -> set[str]:
    """Return the images on which the nodes of any lab stand, running or crashed."""
    used = set()
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(host.STATE):
            with contextlib.suppress(OSError):
                used.add(os.readlink(f"{host.STATE}/{name}/image"))
    return used


def _processes() -> list[int]:
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]

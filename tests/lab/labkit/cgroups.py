"""Control groups of a node on the host: they keep nodes apart and name whatever runs in one."""

from __future__ import annotations

import contextlib
import os


def group(lab: str, node: str = "") -> str:
    """Return the name of a node's control group; without `node` the prefix of all of a lab's."""
    return f"xcatlab.{lab}.{node}"


def mounts() -> list[str]:
    """Return the hierarchies that matter: the unified one and the one named systemd.

    The resource controllers of version 1 are left alone; a new group in some of them accepts no
    process before it is configured, and the nodes need none.
    """
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        for line in stream:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split()[:3]
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
                found.append(before.split()[4])
    return found


def enter(lab: str, node: str) -> None:
    """Move the calling process into the node's own groups, made new where they are missing."""
    for mount in mounts():
        path = f"{mount}/{group(lab, node)}"
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as stream:
            stream.write(str(os.getpid()))


def holds(pid: int, lab: str) -> bool:
    """Return whether this process is in a group of the lab, which those inside its nodes are."""
    wanted = f"/{group(lab)}"
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as stream:
            return any(line.split(":", 2)[2].startswith(wanted) for line in stream)
    except OSError:
        return False


def remove(lab: str, node: str = "") -> None:
    """Remove the groups of a dead node, or of all nodes; what is still in use stays."""
    for mount in mounts():
        for name in os.listdir(mount):
            if name == group(lab, node) or (not node and name.startswith(group(lab))):
                for folder, _, _ in os.walk(f"{mount}/{name}", topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)

"""Becomes one node: run by `unshare --mount` as `launch.py LAB NODE IMAGE`, ends as systemd-nspawn.

The overlay is mounted in this process's own mount namespace, so it is gone with the node, however
that ends. The process first enters control groups of its own: systemd-nspawn makes its own ones
below those of its caller, and three nodes of one caller would collide.
"""

from __future__ import annotations

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labkit import cgroups, host, network  # noqa: E402
from labkit.node import started  # noqa: E402


def main(lab: str, node: str, image: str) -> None:
    """Mount the node's file system and hand over to systemd-nspawn; does not return."""
    home = f"{host.STATE}/{lab}/{node}"
    with open(f"{home}/supervisor.new", "w", encoding="ascii") as stream:
        stream.write(f"{os.getpid()} {started(os.getpid())}\n")
    os.rename(f"{home}/supervisor.new", f"{home}/supervisor")
    cgroups.enter(lab, node)
    layers = f"lowerdir={image},upperdir={home}/upper,workdir={home}/work"
    merged = f"{home}/merged"
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", layers, merged], check=True, timeout=30
    )
    # Its locks and sockets belong to this node alone and must not stay on the host.
    for folder in ("/run/systemd/nspawn", "/var/lib/machines"):
        os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn"], check=True, timeout=30)
    argv = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={merged}",
        f"--machine=xcatlab-{lab}-{node}",
        f"--hostname={node}",
        f"--network-namespace-path=/run/netns/{network.namespace(lab, node)}",
        "--register=no",
        "--keep-unit",
        "--settings=no",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
        # Corosync locks its memory and wants real-time scheduling; tests trace and set addresses.
        "--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK,CAP_SYS_NICE,CAP_SYS_PTRACE",
    ]
    # Both releases' systemd want the unified control groups, whatever the host itself uses.
    env = host.environment({host.MARK: lab, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
    os.execvpe(argv[0], argv, env)


if __name__ == "__main__":
    main(*sys.argv[1:])

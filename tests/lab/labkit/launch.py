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

from labkit import cgroups, host, network


def mount(*arguments: str) -> None:
    """Mount in this process's own namespace."""
    subprocess.run(["mount", *arguments], check=True, timeout=30)


def main(lab: str, node: str, image: str) -> None:
    """Mount the node's file system and hand over to systemd-nspawn; does not return."""
    home = f"{host.STATE}/{lab}/{node}"
    with open(f"{home}/supervisor.new", "w", encoding="ascii") as stream:
        stream.write(f"{os.getpid()} {host.started(os.getpid())}\n")
    os.rename(f"{home}/supervisor.new", f"{home}/supervisor")
    cgroups.enter(lab, node)
    layers = f"lowerdir={image},upperdir={home}/upper,workdir={home}/work"
    merged = f"{home}/merged"
    mount("-t", "overlay", "overlay", "-o", layers, merged)
    # Its locks and sockets belong to this node alone and must not stay on the host.
    os.makedirs("/run/systemd/nspawn", exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")
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
    # A machine sets its own network up: /proc/sys/net is writable, and private to the node.
    env["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "network"
    os.execvpe(argv[0], argv, env)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The power supply of one node: `launch.py LAB NODE IMAGE` lives exactly as long as the node.

It runs in a mount namespace of its own, so the node's overlay is gone with it, however it ends, and
in the node's network namespace, which has no other holder. It enters control groups of its own:
systemd-nspawn makes its groups below those of its caller, and three nodes of one caller would
collide.
"""

from __future__ import annotations

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labkit import cgroups, host

#: How systemd-nspawn --keep-unit says that the node asks for a reboot.
REBOOT = 133


def main(lab: str, node: str, image: str) -> int:
    """Mount the node's file system and run it until it is switched off."""
    home = f"{host.STATE}/{lab}/{node}"
    own = os.getpid()
    with open(f"{home}/supervisor.new", "w", encoding="ascii") as stream:
        stream.write(f"{own} {host.started(own)}\n")
    os.rename(f"{home}/supervisor.new", f"{home}/supervisor")
    cgroups.enter(lab, node)
    layers = f"lowerdir={image},upperdir={home}/upper,workdir={home}/work"
    merged = f"{home}/merged"
    mount("-t", "overlay", "overlay", "-o", layers, merged)
    # Its locks and sockets belong to this node alone and must not stay on the host.
    os.makedirs("/run/systemd/nspawn", exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")
    nspawn = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={merged}",
        f"--machine=xcatlab-{lab}-{node}",
        f"--hostname={node}",
        f"--network-namespace-path=/proc/{own}/ns/net",
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
    env = host.environment(
        {
            host.MARK: lab,
            # Both releases' systemd want the unified control groups, whatever the host uses.
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            # A machine sets its own network up: /proc/sys/net is writable, private to the node.
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        }
    )
    dying_with_us = ["setpriv", "--pdeathsig=SIGKILL", "--"]
    while True:
        ended = subprocess.run([*dying_with_us, *nspawn], env=env, check=False).returncode
        if ended != REBOOT:
            return ended
        # A machine that reboots loses its addresses; its network namespace would keep them.
        subprocess.run(["ip", "link", "set", "dev", "eth0", "down"], check=True, timeout=30)
        subprocess.run(["ip", "address", "flush", "dev", "eth0"], check=True, timeout=30)


def mount(*arguments: str) -> None:
    """Mount in this process's own namespace."""
    subprocess.run(["mount", *arguments], check=True, timeout=30)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

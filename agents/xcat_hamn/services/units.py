"""The names of systemd units and of daemons, in one table.

They differ per distribution (source: the service map of xCAT 2.19's Utils.pm, and the packages of
Debian 12 and 13).  Of several that are installed, the first is the one that is started.
"""

from __future__ import annotations

import os

#: service -> (names of its unit, names of its daemon's processes)
UNITS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "xcatd": (("xcatd",), ("xcatd",)),
    "dns": (("named", "bind9"), ("named",)),
    "dhcp": (
        (
            "dhcpd",
            "isc-dhcp-server",
            "dhcp3-server",
            "kea-dhcp4",
            "kea-dhcp4-server",
            "isc-kea-dhcp4-server",
        ),
        ("dhcpd", "kea-dhcp4"),
    ),
    "console": (("conserver", "conserver-server"), ("conserver",)),
    "osdeploy": ((), ()),
}

#: Where systemd finds units; ``generator.late`` holds those made from init scripts (dhcpd's on
#: Debian 12).
DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)


def installed(names: tuple[str, ...], directories: tuple[str, ...] = DIRECTORIES) -> list[str]:
    """Return those of ``names`` whose unit file exists, an alias of another one left out."""
    found: dict[str, str] = {}
    for name in names:
        for directory in directories:
            path = f"{directory}/{name}.service"
            if os.path.exists(path):
                found.setdefault(os.path.realpath(path), name)
                break
    return list(found.values())

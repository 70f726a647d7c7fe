"""The configuration as it was when a node was lost, from what the daemons keep on disk.

Between a loss and the first look of the gate lie two or three seconds, and an operator who sees
the node go may be quicker.  Corosync writes its ring file when a membership forms; Pacemaker's
CIB manager writes each configuration to cib.xml and keeps the ones before as cib-N.raw, with their
times (seen on Pacemaker 2.1.5 and 3.0.0, Corosync 3.1.7 and 3.1.9).
"""

from __future__ import annotations

import os

from xcat_hamn.system.files import read_text

RINGS = "/var/lib/corosync"
CONFIGURATIONS = "/var/lib/pacemaker/cib"


def configuration_at_loss(rings: str = RINGS, configurations: str = CONFIGURATIONS) -> str | None:
    """Return the CIB of the moment at which the present membership formed, None when unknown."""
    formed = max(_times(rings, "ringid_"), default=None)
    if formed is None:
        return None
    written = [*_times(configurations, "cib-", ".raw"), *_times(configurations, "cib", ".xml")]
    earlier = [entry for entry in written if entry[0] <= formed[0]]
    return read_text(max(earlier)[1]) if earlier else None


def _times(directory: str, prefix: str, suffix: str = "") -> list[tuple[float, str]]:
    """Return the times and paths of the files with such names."""
    found = []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    for name in names:
        if name.startswith(prefix) and name.endswith(suffix):
            path = f"{directory}/{name}"
            try:
                found.append((os.stat(path).st_mtime, path))
            except OSError:
                continue
    return found

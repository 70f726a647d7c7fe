"""Which file systems are mounted where (proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
from typing import NamedTuple

MOUNTINFO = "/proc/self/mountinfo"
#: What other hosts may change without this kernel knowing.
_SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "lustre", "gpfs", "gfs2", "ocfs2"}
)
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount: its id, where it is, and the type of its file system."""

    number: int
    point: bytes
    kind: str

    @property
    def shared(self) -> bool:
        """Tell whether other hosts may change files on it unseen."""
        return self.kind in _SHARED or self.kind.startswith("fuse.")


def parse(table: bytes) -> list[Mount]:
    """Return the mounts of a mountinfo table, in its order."""
    mounts = []
    for line in table.splitlines():
        fields, _, rest = line.partition(b" - ")
        words = fields.split(b" ")
        if len(words) < 5 or not rest:
            continue
        point = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), words[4])
        mounts.append(Mount(int(words[0]), point, rest.split(b" ")[0].decode("ascii", "replace")))
    return mounts


def holding(mounts: list[Mount], path: bytes) -> Mount | None:
    """Return the mount that ``path`` is on: the longest mount point, the last if mounted over."""
    best: Mount | None = None
    for mount in mounts:
        point = mount.point
        on_it = path == point or path.startswith(point if point == b"/" else point + b"/")
        if on_it and (best is None or len(point) >= len(best.point)):
            best = mount
    return best


def inside(mounts: list[Mount], path: bytes) -> list[Mount]:
    """Return the mounts beneath ``path``, without the one that ``path`` itself is on."""
    top = path if path.endswith(b"/") else path + b"/"
    return [mount for mount in mounts if mount.point.startswith(top)]

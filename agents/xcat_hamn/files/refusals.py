"""What must never be copied from one node to the other, and why; each set is checked by name.

A set is refused when it *is*, lies *inside* or *contains* one of these, by its real name.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence

from xcat_hamn.files.sets import FileSet, Root, Sets

_OWN = "it is this node's own"
_CLUSTER = "the cluster stack keeps it itself"
_DATABASE = "a running database cannot be copied as files; its replication does that"
#: Real paths and why they stay.  Mostly xCAT's own advice, and what two nodes must not share.
NEVER: dict[str, str] = {
    **dict.fromkeys(
        (
            "/etc/hostname", "/etc/HOSTNAME", "/etc/machine-id", "/var/lib/dbus/machine-id",
            "/etc/sysconfig/network", "/etc/sysconfig/network-scripts", "/etc/NetworkManager",
            "/etc/network", "/etc/netplan", "/etc/systemd/network", "/etc/wicked",
            "/etc/udev/rules.d/70-persistent-net.rules", "/etc/xCATMN", "/etc/fstab",
            "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/security/passwd",
            "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key",
            "/etc/ssh/ssh_host_rsa_key", "/etc/xcat/hamn.conf", "/etc/xcat/hamn.d",
            "/var/lib/xcat-hamn", "/root/.ssh/authorized_keys", "/root/.ssh/known_hosts",
        ),
        _OWN,
    ),
    **dict.fromkeys(
        ("/etc/corosync", "/etc/pacemaker", "/var/lib/corosync", "/var/lib/pacemaker",
         "/var/lib/pcsd"),
        _CLUSTER,
    ),
    **dict.fromkeys(
        ("/var/lib/pgsql", "/var/lib/postgresql", "/var/lib/mysql", "/var/lib/mariadb"), _DATABASE
    ),
    **dict.fromkeys(("/proc", "/sys", "/dev", "/run"), "it is the running kernel's or session's"),
}  # fmt: skip
#: Refused as a whole, although a directory in them may be copied.
WHOLE = ("/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/opt", "/sbin", "/srv", "/usr",
         "/var", "/var/lib", "/home", "/root", "/etc/xcat", "/root/.ssh")  # fmt: skip
#: A directory that holds one of these is a database's.
_MARKS = ("PG_VERSION", "postmaster.pid", "ibdata1", "aria_log_control", "SQLDBCONF", "sqldbconf")


def refusal(root: Root, real_home: str = "/root") -> str | None:
    """Return why ``root`` must not be copied, or None.  ``real_home`` is root's home."""
    if not root.directory:
        return None
    if not root.only and root.directory in WHOLE:
        return f"{root.directory} is not copied as a whole: name what is needed of it"
    for path, why in NEVER.items():
        place = path.replace("/root/", f"{real_home}/", 1)
        if _touches(root, os.path.realpath(place)) or _touches(root, place):
            return f"{path} must not be copied ({why}), and {_shown(root)} is or holds it"
    for directory in _upwards(root.directory):
        for mark in _MARKS:
            if os.path.lexists(f"{directory}/{mark}"):
                return f"{directory} holds {mark}, so it is a database's: {_DATABASE}"
    return None


def _shown(root: Root) -> str:
    return root.directory if not root.only else f"{root.directory}: {' '.join(root.only)}"


def _upwards(directory: str) -> Iterator[str]:
    while directory != "/":
        yield directory
        directory = os.path.dirname(directory)


def _touches(root: Root, path: str) -> bool:
    """Tell whether ``path`` and the root have anything in common."""
    if root.directory == path or root.directory.startswith(path + "/"):
        return True
    return _holds(root, path)


def _holds(root: Root, path: str) -> bool:
    """Tell whether ``path``, or part of it, is of the root."""
    if root.directory == path:
        return True
    if not path.startswith(root.directory.rstrip("/") + "/"):
        return False
    first = path[len(root.directory.rstrip("/")) + 1 :].split("/")[0]
    return not root.only or any(fnmatch.fnmatchcase(first, name) for name in root.only)


def _overlap(one: Root, other: Root) -> bool:
    if one.directory == other.directory and one.only and other.only:
        return any(_same_name(a, b) for a in one.only for b in other.only)
    return _holds(one, other.directory) or _holds(other, one.directory)


def _same_name(one: str, other: str) -> bool:
    return fnmatch.fnmatchcase(one, other) or fnmatch.fnmatchcase(other, one)


def admitted(sets: Sets) -> Sets:
    """Return ``sets`` without those that are refused, each with its sentence.

    Of two that overlap neither is copied: which of them would win is nobody's to guess.
    """
    problems, kept = list(sets.problems), []
    for one in sets.sets:
        why = next((why for root in one.roots if (why := refusal(root))), None)
        why = why or _overlapping(one, sets.sets)
        if why:
            problems.append(f'the file set "{one.name}" is refused: {why}')
        else:
            kept.append(one)
    return Sets(tuple(kept), tuple(problems), sets.values)


def _overlapping(one: FileSet, everyone: Sequence[FileSet]) -> str | None:
    for index, root in enumerate(one.roots):
        if not root.directory:
            continue
        for other in everyone:
            for number, theirs in enumerate(other.roots):
                if (other is one and number == index) or not theirs.directory:
                    continue
                if _overlap(root, theirs):
                    return (
                        f'{_shown(root)} and {_shown(theirs)} of the set "{other.name}" overlap: '
                        "take the one out of the other"
                    )
    return None

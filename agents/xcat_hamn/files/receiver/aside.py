"""What a former source changed and never delivered is kept before the new source replaces it.

When a newer source is seen for the first time by the node that was the source, every set is due.
Before the first byte of a set is taken, the files whose inode changed after the set's last mark are
copied to a directory of their own; when they do not fit, nothing is taken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from xcat_hamn.files import ports
from xcat_hamn.files.locks import held
from xcat_hamn.files.marks import read_mark
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver.refusal import Refusal
from xcat_hamn.files.sets import FileSet
from xcat_hamn.files.undelivered import Undelivered, since, undelivered
from xcat_hamn.system.files import read_text, sync_directory, write_text
from xcat_hamn.system.runner import Runner

#: What must stay free beside the copies, in bytes.
_ROOM = 64 << 20
_COPY = 3600.0


def required(places: Places) -> list[str]:
    """Return the names of the sets whose files are to be kept before they are replaced."""
    return (read_text(f"{places.state}/aside-required") or "").split()


def require(places: Places, names: Sequence[str]) -> None:
    """Note durably that the files of these sets are to be kept first."""
    text = "\n".join(sorted({*required(places), *names})) + "\n"
    write_text(f"{places.state}/aside-required", text, durable=True)


def give_up(places: Places, name: str) -> None:
    """Note that nothing of the set is to be kept (any more)."""
    left = [one for one in required(places) if one != name]
    write_text(f"{places.state}/aside-required", "\n".join(left) + "\n", durable=True)


def keep(places: Places, fileset: FileSet, here: str) -> str | None:
    """Keep what is due of the set; return the directory it is in, None when there was nothing.

    Raises Refusal, and the set stays due, when it does not fit.
    """
    if fileset.name not in required(places):
        return None
    with held(places.lock("aside"), _COPY):
        if fileset.name not in required(places):
            return None
        after = since(read_mark(places, fileset.name), here)
        found = undelivered(fileset, after)
        made = _copy(places, fileset, found, after, here) if found else None
        give_up(places, fileset.name)
        return made


def _copy(
    places: Places, fileset: FileSet, found: Sequence[Undelivered], after: float, here: str
) -> str:
    size = sum(one.size for one in found)
    count = sum(len(one.names) for one in found)
    os.makedirs(places.aside, mode=0o700, exist_ok=True)
    status = os.statvfs(places.aside)
    if status.f_bavail * status.f_frsize < size + _ROOM:
        raise Refusal(
            ports.FULL,
            f'{count} files of "{fileset.name}" that only {here} has ({size >> 20} MB) do not fit '
            f"into {places.aside}: make room there; nothing was replaced",
        )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    top = f"{places.aside}/{fileset.name}.{stamp}"
    os.makedirs(top, mode=0o700)
    for one in found:
        listed = f"{top}/{fileset.roots.index(one.root)}.names"
        with open(listed, "wb") as stream:
            stream.write(b"\0".join(one.names))
        target = f"{top}{one.root.directory}"
        os.makedirs(target, mode=0o700)
        argv = ["rsync", "-aHAXS", "--numeric-ids", "--no-implied-dirs", "--from0"]
        argv += [f"--files-from={listed}", "--ignore-missing-args", "--"]
        said = Runner().run([*argv, f"{one.root.directory}/", f"{target}/"], timeout=_COPY)
        if said.returncode not in (0, 24):
            said.require(f'what only {here} has of "{fileset.name}" cannot be kept in {target}')
    write_text(f"{top}/README", _explanation(fileset, count, after, here), durable=True)
    Runner().run(["sync", "-f", top], timeout=_COPY)
    sync_directory(places.aside)
    return top


def _explanation(fileset: FileSet, count: int, after: float, here: str) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(after)) if after > 0 else "ever"
    return (
        f'{count} files of the file set "{fileset.name}" that {here} had changed after {when} as '
        "the source and had not\ndelivered when another node became the source.\n\n"
        "The other node's files are in their place now.  They lie here under their full names; "
        "*.names lists them, separated by NUL.\nNothing uses this directory: compare, copy back "
        "on the active node what is still wanted, and remove it.\n"
    )

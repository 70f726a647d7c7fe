"""What the sender reads of its own tree: which names are gone, which are of a sample, snapshots."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xcat_hamn.errors import CommandFailed
from xcat_hamn.files.sets import FileSet, Root


def topmost(directory: bytes, relative: bytes) -> bytes:
    """Return ``relative``, or the uppermost directory on the way to it that is none (any more).

    A name below a directory that is gone, or is a file or a link by now, cannot be asked for: what
    is to be made equal is that directory's name itself.
    """
    parts = relative.split(b"/")
    for count in range(1, len(parts)):
        above = b"/".join(parts[:count])
        try:
            if not stat.S_ISDIR(os.lstat(directory + b"/" + above).st_mode):
                return above
        except (FileNotFoundError, NotADirectoryError):
            return above
    return relative


def by_root(fileset: FileSet, paths: Iterable[bytes]) -> dict[Root, list[bytes]]:
    """Return the names of ``paths`` that are of the set, by root, each once and in order."""
    found: dict[Root, dict[bytes, None]] = {}
    for path in paths:
        place = fileset.root_of(path)
        if place is not None and b"\0" not in path:
            root, relative = place
            name = topmost(os.fsencode(root.directory), relative)
            found.setdefault(root, {})[name] = None
    return {root: list(names) for root, names in found.items()}


@dataclass
class Names:
    """Names by what they are now; ``linked``: a file with further names, of which no event tells.

    ``emptied``: the directories that names have gone from.
    """

    directories: list[bytes] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)
    emptied: dict[bytes, None] = field(default_factory=dict)
    linked: bool = False


def sort_out(root: Root, names: Iterable[bytes]) -> Names:
    """Return what ``names``, from the root on, are now."""
    found, top = Names(), os.fsencode(root.directory)
    for name in names:
        try:
            status = os.lstat(top + b"/" + name)
        except OSError:
            found.emptied[os.path.dirname(name) or b"."] = None
            continue
        if stat.S_ISDIR(status.st_mode):
            found.directories.append(name)
        else:
            found.others.append(name)
            found.linked = found.linked or status.st_nlink > 1
    return found


def files_below(fileset: FileSet, root: Root) -> Iterator[bytes]:
    """Yield the names, from the root on, of the plain files of the set; no link is followed."""
    top = os.fsencode(root.directory)
    waiting = [top]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                if fileset.root_of(entry.path) is None:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path[len(top) + 1 :]


def of_sample(name: bytes, part: int, parts: int) -> bool:
    """Tell whether a file is of the ``part``-th of ``parts`` samples; every file is of one."""
    return zlib.crc32(name) % max(1, parts) == part % max(1, parts)


def take_snapshot(fileset: FileSet, target: str) -> FileSet:
    """Return the set as it is at this moment, copied below ``target`` (SQLite's own backup).

    A database that is written to cannot be copied as a file.  Raises CommandFailed.
    """
    import shutil
    import sqlite3
    from dataclasses import replace

    roots = []
    for number, root in enumerate(fileset.roots):
        directory = f"{target}/{number}"
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory, mode=0o700)
        for name in sorted(os.listdir(root.directory)) if root.present() else []:
            path = f"{root.directory}/{name}"
            if fileset.root_of(os.fsencode(path)) is None or not os.path.isfile(path):
                continue
            try:
                source = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
                copy = sqlite3.connect(f"{directory}/{name}")
                with source, copy:
                    source.backup(copy)
                source.close()
                copy.close()
            except sqlite3.Error as problem:
                raise CommandFailed(
                    f"{path} cannot be copied ({problem}): is it an SQLite database, and whole?"
                ) from None
            status = os.stat(path)
            os.chmod(f"{directory}/{name}", stat.S_IMODE(status.st_mode))
            os.chown(f"{directory}/{name}", status.st_uid, status.st_gid)
            os.utime(f"{directory}/{name}", ns=(status.st_atime_ns, status.st_mtime_ns))
        roots.append(Root(root.label, directory if root.present() else "", root.only))
    return replace(fileset, roots=tuple(roots))

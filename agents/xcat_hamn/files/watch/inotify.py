"""Changes by inotify: a watch on every directory, where fanotify is refused (overlayfs).

A directory is watched first and read afterwards, so nothing that is made in it meanwhile is
missed.  A renamed directory is forgotten under its old name and watched anew under the new one.
The number of watches is limited (fs.inotify.max_user_watches, 1 % of the memory by default);
beyond it, or beyond what this process should hold, the watch has a blind spot and says so.
"""

from __future__ import annotations

import errno
import os
import struct

from xcat_hamn.files.watch import libc
from xcat_hamn.files.watch.changes import Changes, Root, Roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_STRUCTURE = libc.IN_CREATE | libc.IN_DELETE | libc.IN_MOVED_FROM | libc.IN_MOVED_TO
_MASK = (
    _STRUCTURE
    | libc.IN_MODIFY
    | libc.IN_ATTRIB
    | libc.IN_CLOSE_WRITE
    | libc.IN_ONLYDIR
    | libc.IN_DONT_FOLLOW
    | libc.IN_EXCL_UNLINK
)
#: wd, mask, cookie, length of the name (inotify(7)).
_EVENT = struct.Struct("=iIII")
_BUFFER = 256 * 1024
_READS = 32
#: Directories watched at most: about 350 bytes each here, and 1.1 KiB of kernel memory.
MOST = 50_000
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class Inotify:
    """An instance with its watches.

    ``blind``: a sentence per root that is not wholly watched.  ``overflown``: events were lost,
    and only ``renew`` helps.
    """

    def __init__(self, library: libc.LibC, roots: Roots, most: int = MOST) -> None:
        """Raises OSError when the instance cannot be had (fs.inotify.max_user_instances)."""
        self._library = library
        self._roots = roots
        self._most = most
        self.instance = library.inotify_init()
        self._paths: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self._tops: dict[bytes, Root] = {}
        self._elsewhere: frozenset[bytes] = frozenset()
        self.blind: dict[bytes, str] = {}
        self.overflown = False

    def close(self) -> None:
        """End the watch."""
        os.close(self.instance)

    def add(self, top: bytes, root: Root, elsewhere: Iterable[bytes] = ()) -> None:
        """Watch everything from ``top`` down for ``root``, and the way to it.

        ``elsewhere``: mount points that are watched by other means.
        """
        self._elsewhere = self._elsewhere.union(elsewhere)
        self._tops[top] = root
        for way in (top, root.name):
            self._watch_way(way)
        self._descend(top)

    def _watch_way(self, top: bytes) -> None:
        path = os.path.dirname(top)
        while True:
            self._watch(path)
            if path in (b"/", b""):
                return
            path = os.path.dirname(path)

    def _watch(self, path: bytes) -> bool:
        """Watch one directory; tell if it is one and is watched now."""
        problem = ""
        if len(self._paths) >= self._most and path not in self._watches:
            problem = f"more than {self._most} directories would have to be watched"
        else:
            try:
                watch = self._library.inotify_add(self.instance, path, _MASK)
            except OSError as refusal:
                if refusal.errno in _GONE:
                    return False
                problem = (
                    "the kernel's limit of watched directories is reached: raise "
                    "fs.inotify.max_user_watches"
                    if refusal.errno == errno.ENOSPC
                    else f"{os.fsdecode(path)} cannot be watched ({refusal.strerror})"
                )
        if problem:
            for root in self._roots.touching(path):
                self.blind.setdefault(root.name, problem)
            return False
        before = self._paths.get(watch)
        if before is not None and before != path:
            # Found under its new name before the event of its renaming was read.
            self._watches.pop(before, None)
        self._paths[watch] = path
        self._watches[path] = watch
        return True

    def _descend(self, top: bytes) -> None:
        """Watch ``top`` and every directory beneath; a link to a directory is none."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            if directory in self._elsewhere or not self._watch(directory):
                continue
            try:
                with os.scandir(directory) as entries:
                    waiting += [e.path for e in entries if e.is_dir(follow_symlinks=False)]
            except OSError:
                continue  # it vanished, and an event says so

    def _forget(self, top: bytes) -> None:
        """Stop watching ``top`` and every directory beneath."""
        below = top + b"/"
        for path in [p for p in self._watches if p == top or p.startswith(below)]:
            watch = self._watches.pop(path)
            self._paths.pop(watch, None)
            self._library.inotify_remove(self.instance, watch)

    def renew(self) -> None:
        """Begin anew with another instance: nobody knows which directories came meanwhile."""
        os.close(self.instance)
        self.instance = self._library.inotify_init()
        self.overflown = False
        self._paths.clear()
        self._watches.clear()
        self.blind.clear()
        for top, root in self._tops.items():
            self.add(top, root)

    def drain(self, changes: Changes) -> bool:
        """Move what waits in the queue to ``changes``; tell if there may be more."""
        for _ in range(_READS):
            try:
                buffer = os.read(self.instance, _BUFFER)
            except BlockingIOError:
                return False
            start = 0
            while start < len(buffer):
                watch, mask, _, length = _EVENT.unpack_from(buffer, start)
                start += _EVENT.size
                name = buffer[start : start + length].rstrip(b"\0")
                start += length
                if mask & libc.IN_Q_OVERFLOW:
                    sentence = "changes came faster than they were read, and some were dropped"
                    changes.lose(self._tops.values(), sentence)
                    self.overflown = True
                    return False
                self._event(watch, mask, name, changes)
        return True

    def _event(self, watch: int, mask: int, name: bytes, changes: Changes) -> None:
        directory = self._paths.get(watch)
        if directory is None:
            return  # of a directory that was forgotten: its renaming or deletion told all
        if mask & libc.IN_UNMOUNT:
            gone = os.fsdecode(directory)
            changes.lose(self._roots.touching(directory), f"the file system of {gone} went away")
        if mask & libc.IN_IGNORED:
            self._paths.pop(watch, None)
            if self._watches.get(directory) == watch:
                del self._watches[directory]
            return
        place = self._roots.place([directory])
        if not place or not (name or place.inside):
            return
        path = os.path.join(directory, name) if name else directory
        folder = bool(mask & libc.IN_ISDIR and mask & _STRUCTURE and name)
        for root, reported in place.inside:
            whole = reported + b"/" + name if name else reported
            changes.note(root, whole, tree=folder and not mask & libc.IN_DELETE)
        if place.above and name:
            self._above(mask, path, changes)
        if folder and place.inside:
            self._folder(mask, path)

    def _folder(self, mask: int, path: bytes) -> None:
        """A directory beneath a root came or went.

        What it holds need not be listed: it is noted as a tree.
        """
        if mask & libc.IN_MOVED_FROM or path in self._watches:
            self._forget(path)
        if mask & (libc.IN_CREATE | libc.IN_MOVED_TO):
            self._descend(path)

    def _above(self, mask: int, path: bytes, changes: Changes) -> None:
        """A name on the way to a root, or the root itself."""
        structural = bool(mask & _STRUCTURE)
        lost = list(self._roots.beyond(path)) if structural else []
        for root in self._roots.at(path):
            if structural and (mask & libc.IN_ISDIR or root.moved()):
                lost.append(root)
            else:
                changes.note(root, root.name)
        if lost:
            changes.lose(lost, f"{os.fsdecode(path)} was made anew or replaced")
            self._forget(path)
            for top, root in self._tops.items():
                if top == path or top.startswith(path + b"/"):
                    self.add(top, root)

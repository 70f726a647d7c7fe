"""The watch on all roots: fanotify where the file system allows it, inotify elsewhere."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence

from xcat_hamn.files.watch import mounts
from xcat_hamn.files.watch.changes import LIMIT, Changes, Root, Roots
from xcat_hamn.files.watch.fanotify import REFUSALS, Fanotify
from xcat_hamn.files.watch.inotify import MOST, Inotify
from xcat_hamn.files.watch.libc import LibC

#: Turns of reading (8 MiB each) in one call: those who change files without end do not hold it up.
_TURNS = 8
FANOTIFY, INOTIFY = "fanotify", "inotify"


class Watch:
    """Collects what changes beneath its roots, and admits what it cannot see.

    ``limit``: changed paths kept per root between two calls of ``changes``.  ``fanotify``: whether
    it may be tried.  ``most``: directories watched by inotify.
    """

    def __init__(self, limit: int = LIMIT, *, fanotify: bool = True, most: int = MOST) -> None:
        self._limit = limit
        self._most = most
        self._allowed = fanotify
        self._roots = Roots(())
        self._fanotify: Fanotify | None = None
        self._inotify: Inotify | None = None
        self._layout: dict[bytes, tuple[int, ...]] = {}
        self._blind: dict[bytes, str] = {}
        self._means: dict[bytes, str] = {}
        # First, as it is Linux's own: elsewhere this ends here, in an OSError.
        self._mountinfo = os.open(mounts.MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.epoll()
        # A change of the mount table shows as an urgent condition (proc_pid_mountinfo(5)).
        self._poll.register(self._mountinfo, select.EPOLLPRI)

    def start(self, roots: Sequence[bytes]) -> None:
        """Watch ``roots`` (absolute paths; they need not exist) instead of what was watched.

        What changed before is not known.  Raises OSError when the kernel gives no means at all.
        """
        self._stop()
        self._roots = Roots(roots)
        library = LibC()
        table = self._mounts()
        for root in self._roots:
            self._layout[root.name] = self._mounts_of(root, table)
            self._watch_root(root, library, table)
        if self._fanotify:
            self._poll.register(self._fanotify.group, select.EPOLLIN)
        if self._inotify:
            self._poll.register(self._inotify.instance, select.EPOLLIN)

    def fileno(self) -> int:
        """Return a descriptor that is readable when ``changes`` has something to say."""
        return self._poll.fileno()

    def changes(self) -> Changes:
        """Return what may have changed since the last call.

        What was done before the call is in it: as much is read as the kernel's queues hold.
        """
        changes = Changes(self._limit)
        if any(events & select.EPOLLPRI for _, events in self._poll.poll(0)):
            self._remount(changes)
        for _ in range(_TURNS):
            more = False
            if self._fanotify:
                more |= self._fanotify.drain(changes)
            if self._inotify:
                more |= self._drain_inotify(self._inotify, changes)
            if not more:
                break
        if any(root.moved() for root in self._roots if changes.doubted(root)):
            self._begin_anew(changes)
        return changes

    def _drain_inotify(self, inotify: Inotify, changes: Changes) -> bool:
        more = inotify.drain(changes)
        if inotify.overflown:
            self._poll.unregister(inotify.instance)
            inotify.renew()
            self._poll.register(inotify.instance, select.EPOLLIN)
        return more

    def blind(self) -> Mapping[bytes, str]:
        """Return, per root that may change unseen, a sentence why."""
        return {**self._blind, **(self._inotify.blind if self._inotify else {})}

    def means(self) -> Mapping[bytes, str]:
        """Return how each root is watched: FANOTIFY, INOTIFY."""
        return self._means

    def close(self) -> None:
        """End the watch."""
        self._stop()
        self._poll.close()
        os.close(self._mountinfo)

    def _stop(self) -> None:
        if self._fanotify:
            self._poll.unregister(self._fanotify.group)
            self._fanotify.close()
        if self._inotify:
            self._poll.unregister(self._inotify.instance)
            self._inotify.close()
        self._fanotify = self._inotify = None
        self._layout.clear()
        self._blind.clear()
        self._means.clear()

    def _mounts(self) -> list[mounts.Mount]:
        os.lseek(self._mountinfo, 0, os.SEEK_SET)
        pieces = []
        while piece := os.read(self._mountinfo, 65536):
            pieces.append(piece)
        return mounts.parse(b"".join(pieces))

    @staticmethod
    def _mounts_of(root: Root, table: list[mounts.Mount]) -> tuple[int, ...]:
        own = mounts.holding(table, root.anchor())
        inner = mounts.inside(table, root.real)
        return tuple(mount.number for mount in ([own] if own else []) + inner)

    def _watch_root(self, root: Root, library: LibC, table: list[mounts.Mount]) -> None:
        inner = mounts.inside(table, root.real)
        own = mounts.holding(table, root.anchor())
        # Where the name is a symlink, the link itself may change too.
        link = mounts.holding(table, os.path.dirname(root.name)) if root.name != root.real else None
        means = set()
        for mount in filter(None, dict.fromkeys([own, *inner, link])):
            if mount.shared:
                what = f"{os.fsdecode(mount.point)} is {mount.kind}"
                self._blind[root.name] = f"{what}: other hosts may change it unseen"
            if self._try_fanotify(mount.point, root, library):
                means.add(FANOTIFY)
                continue
            means.add(INOTIFY)
            if self._inotify is None:
                self._inotify = Inotify(library, self._roots, self._most)
            elsewhere = [m.point for m in inner if m is not mount]
            self._inotify.add(mount.point if mount in inner else root.real, root, elsewhere)
        self._means[root.name] = "+".join(sorted(means))

    def _try_fanotify(self, point: bytes, root: Root, library: LibC) -> bool:
        if not self._allowed:
            return False
        try:
            if self._fanotify is None:
                self._fanotify = Fanotify(library, self._roots)
            self._fanotify.add(point, root)
        except OSError as problem:
            if problem.errno not in REFUSALS:
                raise
            return False
        return True

    def _remount(self, changes: Changes) -> None:
        """Something was mounted or unmounted: begin anew if it touches a root."""
        table = self._mounts()
        touched = [r for r in self._roots if self._mounts_of(r, table) != self._layout.get(r.name)]
        if not touched:
            return
        lost = "a file system was mounted or unmounted there"
        for root in touched:
            changes.lose([root], f"{os.fsdecode(root.name)}: {lost}")
        self._begin_anew(changes)

    def _begin_anew(self, changes: Changes) -> None:
        """Watch everything from the start; what happens in between is in doubt."""
        changes.lose(self._roots, "the watch began anew, as what it looked at was replaced")
        self.start([root.name for root in self._roots])

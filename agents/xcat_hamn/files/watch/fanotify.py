"""Changes by fanotify: one mark per file system, whatever it holds, no watch per directory.

An event names its directory by a file handle.  The handle is resolved when the event is read, so
the path is that of now, not of then; what a rename in between could confuse is covered by the
rename's own events (its old name has left, everything beneath its new one has arrived).

The kernel merges events of the same name while they wait to be read; the caller therefore rests
a little between two reads, and a file that is written without end costs one event per read.
"""

from __future__ import annotations

import errno
import os
import struct

from xcat_hamn.files.watch import libc
from xcat_hamn.files.watch.changes import NOWHERE, Changes, Place, Root, Roots

_STRUCTURE = libc.FAN_CREATE | libc.FAN_DELETE | libc.FAN_MOVED_FROM | libc.FAN_MOVED_TO
_MOVES = libc.FAN_MOVED_FROM | libc.FAN_MOVED_TO
_CONTENT = libc.FAN_MODIFY | libc.FAN_ATTRIB | libc.FAN_CLOSE_WRITE
MASK = _STRUCTURE | _CONTENT | libc.FAN_ONDIR
#: event_len, vers, reserved, metadata_len, mask, fd, pid (fanotify(7)).
_METADATA = struct.Struct("=IBBHQii")
#: info_type, pad, len, fsid, then struct file_handle: handle_bytes, handle_type.
_INFO = struct.Struct("=BBH8sIi")
_BUFFER = 256 * 1024
#: Reads per call: the control socket gets its turn, however fast files change.
_READS = 32
#: Directories remembered by their handle, about 300 bytes each.
_REMEMBERED = 8192
#: What fanotify_init and fanotify_mark answer where it cannot be used: another kernel or no
#: right to it, overlayfs and pseudo file systems, a btrfs subvolume, a file system without an id.
REFUSALS = frozenset(
    {
        errno.ENOSYS,
        errno.EPERM,
        errno.EINVAL,
        errno.EOPNOTSUPP,
        errno.EXDEV,
        errno.ENODEV,
        errno.EOVERFLOW,
    }
)


class Fanotify:
    """The notification group and what it has learned about directories."""

    def __init__(self, library: libc.LibC, roots: Roots) -> None:
        """Raises OSError, one of REFUSALS when this kernel or user cannot have it."""
        self._library = library
        self._roots = roots
        self.group = library.fanotify_init()
        # File system id -> the mount points by which its handles are resolved.
        self._mounts: dict[bytes, dict[bytes, None]] = {}
        self._covered: dict[Root, None] = {}
        self._places: dict[bytes, Place] = {}

    def close(self) -> None:
        """End the watch."""
        os.close(self.group)

    def add(self, point: bytes, root: Root) -> None:
        """Watch the file system mounted at ``point`` for ``root``.

        Raises OSError, one of REFUSALS when this file system cannot be watched so.  Nothing on it
        is kept open: that would hold up an umount.
        """
        self._library.fanotify_mark(self.group, MASK, point)
        identity = struct.pack("=Q", os.statvfs(point).f_fsid & 0xFFFFFFFFFFFFFFFF)
        self._mounts.setdefault(identity, {})[point] = None
        self._covered[root] = None
        self._places.clear()

    def drain(self, changes: Changes) -> bool:
        """Move what waits in the queue to ``changes``; tell if there may be more."""
        resolver = _Resolver(self._library, self._mounts)
        try:
            for _ in range(_READS):
                try:
                    buffer = os.read(self.group, _BUFFER)
                except BlockingIOError:
                    return False
                self._parse(buffer, resolver, changes)
        finally:
            resolver.close()
        return True

    def _parse(self, buffer: bytes, resolver: _Resolver, changes: Changes) -> None:
        start = 0
        header = _METADATA.size
        while start < len(buffer):
            length, _, _, _, mask, _, _ = _METADATA.unpack_from(buffer, start)
            if mask & libc.FAN_Q_OVERFLOW:
                sentence = "changes came faster than they were read, and the kernel dropped some"
                changes.lose(self._covered, sentence)
            elif length > header:
                at = start + header
                _, _, _, _, size, _ = _INFO.unpack_from(buffer, at)
                name_at = at + _INFO.size + size
                name = buffer[name_at : buffer.index(b"\0", name_at)]
                self._event(mask, buffer[at + 4 : name_at], name, resolver, changes)
            start += length

    def _event(
        self, mask: int, key: bytes, name: bytes, resolver: _Resolver, changes: Changes
    ) -> None:
        place = self._places.get(key)
        if place is None:
            place = self._look_up(key, resolver, changes)
        directory = mask & libc.FAN_ONDIR
        if place is not NOWHERE:
            tree = bool(directory and mask & _MOVES)
            for root, path in place.inside:
                changes.note(root, path if name == b"." else path + b"/" + name, tree=tree)
            for above in place.above if name != b"." else ():
                self._above(mask, os.path.join(above, name), changes)
        if directory and mask & _MOVES:
            self._places.clear()

    def _look_up(self, key: bytes, resolver: _Resolver, changes: Changes) -> Place:
        try:
            paths = resolver.paths(key)
        except OSError as problem:
            sentence = f"a changed directory could not be looked up ({problem.strerror})"
            changes.lose(self._covered, sentence)
            return NOWHERE
        if not paths:
            return NOWHERE  # it is gone, which its parent's event tells; nothing to remember
        place = self._roots.place(paths)
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[key] = place
        return place

    def _above(self, mask: int, path: bytes, changes: Changes) -> None:
        """A name on the way to a root, or the root itself."""
        structural = mask & _STRUCTURE
        sentence = f"{os.fsdecode(path)} was made anew or replaced"
        for root in self._roots.at(path):
            if structural and (mask & libc.FAN_ONDIR or root.moved()):
                changes.lose([root], sentence)
            else:
                changes.note(root, root.name)
        if structural:
            changes.lose(self._roots.beyond(path), sentence)


class _Resolver:
    """Turns handles into paths; opens each mount at most once, and only while it lives."""

    def __init__(self, library: libc.LibC, mounts: dict[bytes, dict[bytes, None]]) -> None:
        self._library = library
        self._mounts = mounts
        self._open: dict[bytes, int] = {}

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def paths(self, key: bytes) -> list[bytes]:
        """Return the directory's path on each mount that has one; none: it is gone."""
        found = []
        for point in self._mounts.get(key[:8], ()):
            mount = self._open.get(point)
            if mount is None:
                mount = self._open[point] = os.open(point, os.O_RDONLY | os.O_CLOEXEC)
            try:
                descriptor = self._library.open_handle(mount, key[8:])
            except OSError as problem:
                if problem.errno == errno.ESTALE:
                    continue
                raise
            try:
                if os.fstat(descriptor).st_nlink:
                    found.append(os.readlink(b"/proc/self/fd/%d" % descriptor))
            finally:
                os.close(descriptor)
        return found

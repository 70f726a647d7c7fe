"""The system calls that Python's library lacks, by ctypes: fanotify, inotify, file handles.

Constants from linux/fanotify.h, sys/inotify.h and asm-generic/fcntl.h; they are the same on
x86_64, ppc64le and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os

FAN_MODIFY, FAN_ATTRIB, FAN_CLOSE_WRITE = 0x2, 0x4, 0x8
FAN_MOVED_FROM, FAN_MOVED_TO, FAN_CREATE, FAN_DELETE = 0x40, 0x80, 0x100, 0x200
FAN_Q_OVERFLOW, FAN_ONDIR = 0x4000, 0x40000000
#: The events carry the handle of the directory and the name inside it (Linux 5.9).
_FAN_REPORT_DFID_NAME = 0x400 | 0x800
_FAN_CLOEXEC, _FAN_NONBLOCK = 0x1, 0x2
_FAN_MARK_ADD, _FAN_MARK_FILESYSTEM = 0x1, 0x100

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE = 0x2, 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED = 0x2000, 0x4000, 0x8000
IN_ONLYDIR, IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_ISDIR = 0x1000000, 0x2000000, 0x4000000, 0x40000000

_AT_FDCWD = -100
_O_PATH = 0o10000000
#: MAX_HANDLE_SZ of include/linux/exportfs.h.
_HANDLE_MOST = 128


class LibC:
    """The functions of the C library, looked up once; every method raises OSError."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        number, text, wide = ctypes.c_int, ctypes.c_char_p, ctypes.c_uint64
        unsigned, address = ctypes.c_uint, ctypes.c_void_p
        for name, arguments in (
            ("fanotify_init", (unsigned, unsigned)),
            ("fanotify_mark", (number, unsigned, wide, number, text)),
            ("open_by_handle_at", (number, address, number)),
            ("inotify_init1", (number,)),
            ("inotify_add_watch", (number, text, ctypes.c_uint32)),
            ("inotify_rm_watch", (number, number)),
        ):
            function = getattr(library, name, None)
            if function is None:
                raise OSError(errno.ENOSYS, f"the C library has no {name}")
            function.argtypes = arguments
            function.restype = number
            setattr(self, f"_{name}", function)

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self, f"_{name}")(*arguments)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

    def fanotify_init(self) -> int:
        """Return a notification group whose events name the directory by handle."""
        flags = _FAN_REPORT_DFID_NAME | _FAN_CLOEXEC | _FAN_NONBLOCK
        return self._call("fanotify_init", flags, os.O_RDONLY)

    def fanotify_mark(self, group: int, mask: int, path: bytes) -> None:
        """Mark the whole file system that holds ``path``."""
        flags = _FAN_MARK_ADD | _FAN_MARK_FILESYSTEM
        self._call("fanotify_mark", group, flags, mask, _AT_FDCWD, path)

    def open_handle(self, mount: int, handle: bytes) -> int:
        """Open the object of ``handle`` (struct file_handle) without access to its content."""
        buffer = ctypes.create_string_buffer(handle, max(len(handle), 8 + _HANDLE_MOST))
        flags = _O_PATH | os.O_CLOEXEC
        return self._call("open_by_handle_at", mount, ctypes.byref(buffer), flags)

    def inotify_init(self) -> int:
        """Return an inotify instance."""
        return self._call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)

    def inotify_add(self, instance: int, path: bytes, mask: int) -> int:
        """Watch directory ``path``; return the watch descriptor."""
        return self._call("inotify_add_watch", instance, path, mask)

    def inotify_remove(self, instance: int, watch: int) -> None:
        """End a watch; one that has ended by itself is fine."""
        try:
            self._call("inotify_rm_watch", instance, watch)
        except OSError as problem:
            if problem.errno != errno.EINVAL:
                raise

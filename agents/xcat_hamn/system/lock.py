"""A lock that one process of this node holds, and that ends with it, however it ends."""

from __future__ import annotations

import os


class Lock:
    """The lock at ``path``; its directory is made."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> bool:
        """Take it if nobody has it, and tell whether it is held now."""
        if self._descriptor < 0:
            self._descriptor = self._open()
        return self._descriptor >= 0

    def _open(self) -> int:
        import fcntl

        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return -1
        return descriptor

    def is_taken(self) -> bool:
        """Tell whether a process that lives has it, this one or another."""
        if self._descriptor >= 0:
            return True
        if not os.path.exists(self._path):
            return False
        descriptor = self._open()
        if descriptor < 0:
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        """Let it go; not holding it is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

"""Marks in /run about a database that the agent started, which db2pd does not tell."""

from __future__ import annotations

from xcat_hamn.system.files import read_text, remove, write_text

#: A primary that was left inactive on purpose; one that the cluster has promoted; a database that
#: has parted from the primary's, with the sentence that says so; an instance that does not answer;
#: a primary that was demoted only to be started anew.
IDLE, PROMOTED, DIVERGED, HANGS, RECOVERS = "idle", "promoted", "diverged", "hangs", "recovers"


class Marks:
    """The marks of one database."""

    def __init__(self, run_directory: str) -> None:
        self._directory = run_directory

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def has(self, name: str) -> bool:
        """Tell whether mark ``name`` is there."""
        return bool(read_text(self._path(name)))

    def text(self, name: str) -> str:
        """Return what mark ``name`` says."""
        return read_text(self._path(name)) or ""

    def put(self, name: str, text: str = "yes") -> None:
        """Make mark ``name``."""
        write_text(self._path(name), text, mode=0o644)

    def drop(self, *names: str) -> None:
        """Remove marks."""
        for name in names:
            remove(self._path(name))

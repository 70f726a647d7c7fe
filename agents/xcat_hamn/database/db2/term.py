"""The term of leadership: a number that each promotion raises, kept on this node's disk.

Log positions compare only within one chain of logs, and a takeover by force forks the chain.  So a
node's data is (term, position), and a standby has the term of the primary that it followed last.
"""

from __future__ import annotations

from xcat_hamn.system.files import read_text, write_text


class Term:
    """The term of this node's data; 0 before the cluster knew it."""

    def __init__(self, durable_directory: str) -> None:
        self._path = f"{durable_directory}/term"

    def read(self) -> int:
        """Return the term."""
        text = (read_text(self._path) or "").strip()
        return int(text) if text.isdecimal() else 0

    def write(self, term: int) -> None:
        """Keep ``term``, through a power loss too."""
        if term != self.read():
            write_text(self._path, f"{term}\n", mode=0o644, durable=True)

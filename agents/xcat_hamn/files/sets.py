"""File sets: what is copied from the active management node to the standby, as data.

A set is a section of an INI file; ``setfiles`` reads them, ``refusals`` says which of them must
not be.  One line of ``paths`` is a root: a directory, or a directory and the names in it::

    paths =
        /etc/xcat: ca cert
        ~conserver/.xcat
        {installdir}

``~user`` is that user's home on each node, ``{name}`` a value of the section ``[values]``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Root:
    """One line of ``paths``.

    ``label`` is the line as written, the same on both nodes; ``directory`` the real directory on
    this one (no symbolic link in it), or "" when its user or value does not exist here.  ``only``:
    the names in it that belong to the set (shell patterns); none means the whole directory.
    """

    label: str
    directory: str
    only: tuple[str, ...] = ()

    def present(self) -> bool:
        """Tell whether the directory exists on this node."""
        return bool(self.directory) and os.path.isdir(self.directory)


@dataclass(frozen=True)
class FileSet:
    """A set: what it holds and how it is copied.

    ``excludes``: patterns as rsync's, of one kind: a name at any depth, or a path from the root
    on when it begins with a slash; ``*``, ``?`` and ``**``.  ``schedule``: "HH:MM" of the daily
    full check, "" for none.  ``max_age``: seconds after which a set that was not proven equal is
    stale.  ``importance``: the lowest number is copied first.  ``as_one``: nothing of it is
    visible on the receiver before all of it has arrived.  ``merge``: "hosts" or "resolv": the
    receiver weaves the one file into its own.  ``owners``: "name" or "number".
    """

    name: str
    roots: tuple[Root, ...]
    excludes: tuple[str, ...] = ()
    delete: bool = True
    schedule: str = "01:00"
    max_age: int = 86400
    importance: int = 50
    as_one: bool = False
    owners: str = "name"
    platform: str = "any"
    merge: str = ""
    snapshot: str = ""
    keep: frozenset[str] = field(default_factory=lambda: frozenset(("links", "acls", "xattrs")))
    bandwidth: int = 0
    enabled: bool = True

    @property
    def staged(self) -> bool:
        """Tell whether it arrives beside its place first and is put there by the receiver.

        Only whole directories are written directly: their boundary is the kernel's (chroot).
        """
        return self.as_one or bool(self.merge) or any(root.only for root in self.roots)

    def directories(self) -> tuple[str, ...]:
        """Return the directories of this node that hold something of the set."""
        return tuple(root.directory for root in self.roots if root.present())

    def root_of(self, path: bytes) -> tuple[Root, bytes] | None:
        """Return the root that ``path`` is in and its name from there on ("." for the root).

        None when it is not of the set: outside, not among the names of the root, or excluded.
        """
        from xcat_hamn.files.patterns import excluded, named

        for root in self.roots:
            directory = os.fsencode(root.directory)
            if not directory or not (path == directory or path.startswith(directory + b"/")):
                continue
            relative = path[len(directory) + 1 :].rstrip(b"/") or b"."
            if b".." in relative.split(b"/") or not named(root.only, relative):
                return None
            return None if excluded(self.excludes, relative) else (root, relative)
        return None


@dataclass(frozen=True)
class Sets:
    """All sets of this node, the most important first, and why others are not among them."""

    sets: tuple[FileSet, ...]
    problems: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str) -> FileSet | None:
        """Return the set called ``name``, or None."""
        return next((one for one in self.sets if one.name == name), None)

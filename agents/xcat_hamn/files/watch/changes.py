"""The roots under watch, and what may differ from the last copy of them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Changed paths kept per root between two calls; beyond, comparing everything is the cheaper way
#: and the memory stays bounded (about 150 bytes a path).
LIMIT = 10_000


class Root:
    """One watched path: ``name`` as the caller wrote it, ``real`` without symlinks on the way."""

    __slots__ = ("name", "real")

    def __init__(self, name: bytes) -> None:
        self.name = name.rstrip(b"/") or b"/"
        self.real = os.path.realpath(self.name)

    def anchor(self) -> bytes:
        """Return the directory that it is, or the nearest one above that exists."""
        path = self.real
        while not os.path.isdir(path):
            path = os.path.dirname(path)
        return path

    def moved(self) -> bool:
        """Tell whether symlinks lead elsewhere now."""
        return os.path.realpath(self.name) != self.real


class Place:
    """What a directory is to the roots.

    ``inside``: (root, the directory's path in the root's own words) for each root that contains
    it.  ``above``: its real paths that are on the way to a root.
    """

    __slots__ = ("above", "inside")

    def __init__(
        self, inside: tuple[tuple[Root, bytes], ...] = (), above: tuple[bytes, ...] = ()
    ) -> None:
        self.inside = inside
        self.above = above

    def __bool__(self) -> bool:
        return bool(self.inside or self.above)


NOWHERE = Place()


def _beneath(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top if top.endswith(b"/") else top + b"/")


class Roots:
    """All roots; answers where a path belongs."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self.all = tuple(Root(name) for name in names)

    def __iter__(self) -> Iterator[Root]:
        return iter(self.all)

    def place(self, directories: Sequence[bytes]) -> Place:
        """Return what a directory is to the roots; ``directories``: its real paths."""
        inside = dict.fromkeys(
            (root, root.name + directory[len(root.real) :].rstrip(b"/"))
            for directory in directories
            for root in self.all
            if _beneath(directory, root.real)
        )
        above = tuple(
            directory for directory in directories if any(root for root in self.beyond(directory))
        )
        return Place(tuple(inside), above) if inside or above else NOWHERE

    def at(self, path: bytes) -> Iterator[Root]:
        """Yield the roots that are ``path`` itself."""
        return (root for root in self.all if path in (root.real, root.name))

    def beyond(self, path: bytes) -> Iterator[Root]:
        """Yield the roots that ``path`` is on the way to, without being one of them."""
        for root in self.all:
            if any(_beneath(p, path) and p != path for p in (root.real, root.name)):
                yield root

    def touching(self, path: bytes) -> Iterator[Root]:
        """Yield the roots above, at or beneath ``path``."""
        for root in self.all:
            if _beneath(root.real, path) or _beneath(path, root.real):
                yield root


class RootChanges:
    """What may differ beneath one root; all paths are absolute, in the root's own words.

    ``paths``: created, changed, deleted or renamed, themselves and not what they contain.
    ``trees``: names under which a whole directory came or went, so that everything beneath may
    differ.  ``doubt``: a sentence when anything may differ, and the rest no longer matters.
    """

    __slots__ = ("doubt", "paths", "trees")

    def __init__(self) -> None:
        self.paths: set[bytes] = set()
        self.trees: set[bytes] = set()
        self.doubt = ""

    def lose(self, sentence: str) -> None:
        """Give up on the single paths because of ``sentence``."""
        self.doubt = self.doubt or sentence
        self.paths.clear()
        self.trees.clear()


class Changes:
    """What may differ, per root name; roots without a change are absent."""

    __slots__ = ("by_root", "limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.by_root: dict[bytes, RootChanges] = {}

    def __bool__(self) -> bool:
        return bool(self.by_root)

    def of(self, root: Root) -> RootChanges:
        """Return the changes beneath ``root``, made on first use."""
        found = self.by_root.get(root.name)
        if found is None:
            found = self.by_root[root.name] = RootChanges()
        return found

    def doubted(self, root: Root) -> bool:
        """Tell whether ``root`` is in doubt."""
        return root.name in self.by_root and bool(self.by_root[root.name].doubt)

    def note(self, root: Root, path: bytes, *, tree: bool = False) -> None:
        """Note that ``path`` beneath ``root`` changed; ``tree``: with everything beneath it."""
        changes = self.of(root)
        if changes.doubt:
            return
        (changes.trees if tree else changes.paths).add(path)
        if len(changes.paths) + len(changes.trees) > self.limit:
            changes.lose(f"more than {self.limit} paths changed at once")

    def lose(self, roots: Iterable[Root], sentence: str) -> None:
        """Note that anything may differ beneath ``roots``, because of ``sentence``."""
        for root in roots:
            self.of(root).lose(sentence)

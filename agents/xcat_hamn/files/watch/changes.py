"""The roots under watch, and what may differ from the last copy of them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Changed paths kept per root between two calls; beyond, comparing everything is the cheaper way
#: and the memory stays bounded (about 150 bytes a path).
LIMIT = 20_000


class Root:
    """One watched path: ``name`` as the caller wrote it, ``real`` without symlinks on the way."""

    __slots__ = ("name", "real")

    def __init__(self, name: bytes) -> None:
        self.name = name.rstrip(b"/") or b"/"
        self.real = os.path.realpath(self.name)

    def anchor(self) -> bytes:
        """Return the path itself, or the nearest directory above it that exists."""
        path = self.real
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        return path


class Place:
    """What a directory is to the roots.

    ``inside``: (root, the directory's path in the root's own words) for each root that contains
    it.  ``above``: it is on the way to a root.
    """

    __slots__ = ("above", "inside")

    def __init__(self, inside: tuple[tuple[Root, bytes], ...], above: bool) -> None:
        self.inside = inside
        self.above = above

    @property
    def relevant(self) -> bool:
        """Tell whether events of the directory matter at all."""
        return self.above or bool(self.inside)


NOWHERE = Place((), above=False)


def _beneath(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top if top.endswith(b"/") else top + b"/")


class Roots:
    """All roots; answers where a path belongs."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self.all = tuple(Root(name) for name in names)

    def __iter__(self) -> Iterator[Root]:
        return iter(self.all)

    def place(self, directory: bytes) -> Place:
        """Return what ``directory`` (a real path) is to the roots."""
        inside = tuple(
            (root, root.name + directory[len(root.real) :].rstrip(b"/"))
            for root in self.all
            if _beneath(directory, root.real)
        )
        above = any(
            _beneath(path, directory) and path != directory
            for root in self.all
            for path in (root.real, root.name)
        )
        return Place(inside, above) if inside or above else NOWHERE

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

    ``entries``: created, changed, deleted or renamed, themselves and not what they contain.
    ``arrived``: directories whose whole content is new here.  ``left``: names under which a whole
    directory was and is no more (another may have taken its place).  ``doubt``: a sentence when
    anything may differ, and the rest no longer matters.
    """

    __slots__ = ("arrived", "doubt", "entries", "left")

    def __init__(self) -> None:
        self.entries: set[bytes] = set()
        self.arrived: set[bytes] = set()
        self.left: set[bytes] = set()
        self.doubt = ""

    def lose(self, sentence: str) -> None:
        """Give up on the single paths because of ``sentence``."""
        self.doubt = self.doubt or sentence
        self.entries.clear()
        self.arrived.clear()
        self.left.clear()


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

    def note(self, root: Root, path: bytes, *, arrived: bool = False, left: bool = False) -> None:
        """Note that ``path`` beneath ``root`` changed."""
        changes = self.of(root)
        if changes.doubt:
            return
        changes.entries.add(path)
        if arrived:
            changes.arrived.add(path)
        if left:
            changes.left.add(path)
        if len(changes.entries) > self.limit:
            changes.lose(f"more than {self.limit} paths changed at once")

    def lose(self, roots: Iterable[Root], sentence: str) -> None:
        """Note that anything may differ beneath ``roots``, because of ``sentence``."""
        for root in roots:
            self.of(root).lose(sentence)


def texts(paths: Sequence[bytes], most: int = 3) -> str:
    """Return some of ``paths`` for a sentence, whatever bytes they are made of."""
    shown = ", ".join(os.fsdecode(path) for path in paths[:most])
    shown = shown.encode("utf-8", "backslashreplace").decode()
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"

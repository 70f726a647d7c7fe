"""Small files that must be whole or absent: written beside their place and renamed into it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def read_text(path: str) -> str | None:
    """Return the text of ``path``, or None when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        chunks = []
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "surrogateescape")


def write_text(path: str, text: str, mode: int = 0o600, *, durable: bool = False) -> None:
    """Put ``text`` at ``path`` in one step; ``durable`` also survives a power loss.

    Directories on the way are made with mode 0755.
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    if durable:
        sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Make renames and removals inside ``directory`` survive a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove file ``path``; an absent one is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def write_pairs(path: str, pairs: Mapping[str, str]) -> None:
    """Store ``pairs`` one ``name=value`` a line; newlines in values are kept by escaping."""
    lines = [
        name + "=" + value.replace("\\", "\\\\").replace("\n", "\\n")
        for name, value in sorted(pairs.items())
    ]
    write_text(path, "\n".join(lines) + "\n")


def read_pairs(path: str) -> dict[str, str] | None:
    """Return what ``write_pairs`` stored at ``path``, or None when there is no such file."""
    text = read_text(path)
    if text is None:
        return None
    pairs = {}
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        if separator:
            pairs[name] = value.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
    return pairs

"""The samples of Db2's output; see samples/INDEX.md for what is recorded and what is not."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


def read(name):
    """Return the text of ``name``, a sample's file without .txt, recorded or synthetic."""
    return path_of(name).read_text(encoding="utf-8")


def path_of(name):
    """Return where sample ``name`` is."""
    return next(FOLDER.glob(f"*/{name}.txt"))


def names(pattern="*"):
    """Return the names of the samples that match."""
    return sorted(path.stem for path in FOLDER.glob(f"*/{pattern}.txt"))


def replies(name):
    """Return what followed each command of a transcript."""
    return [part.partition("\n")[2] for part in read(name).split("$ ")[1:]]

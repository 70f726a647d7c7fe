"""The command lines of rsync on the sending side, one function for each way of copying."""

from __future__ import annotations

from collections.abc import Sequence

from xcat_hamn.files.connection import HOST
from xcat_hamn.files.daemon import SILENCE, choice, copy_options
from xcat_hamn.files.request import MODULE, Request
from xcat_hamn.files.sets import FileSet, Root

#: What is said of each entry: the itemized change and the name (rsync(1), ``--itemize-changes``).
_FORMAT = "--out-format=%i %n"


def command(
    fileset: FileSet,
    root: Root,
    request: Request,
    shell: str,
    how: Sequence[str],
    maps: Sequence[str],
) -> list[str]:
    """Return the command that brings ``root`` to where ``request`` says, in the way ``how``."""
    limit = [f"--bwlimit={fileset.bandwidth}"] if fileset.bandwidth else []
    return [
        "rsync", *copy_options(fileset, maps=maps), *how, *choice(root.only), *limit, _FORMAT,
        f"--timeout={SILENCE}", f"--rsh={shell}", f"--rsync-path={request.line()}", "--",
        f"{root.directory}/", f"{HOST}::{MODULE}/",
    ]  # fmt: skip


def whole(fileset: FileSet, *, checksum: bool, dry: bool) -> list[str]:
    """Return how a whole root is made equal (or, ``dry``, compared)."""
    how = ["--delete-during"] if fileset.delete or fileset.staged else []
    how += ["--checksum"] if checksum else []
    return [*how, "--dry-run"] if dry else how


def alone(fileset: FileSet, listed: str) -> list[str]:
    """Return how the names in the file ``listed`` are made equal, each alone.

    A directory with a slash behind it is compared with the names in it, one level deep: that is
    how what has gone from it is deleted.  (``--delete-missing-args`` would say it directly, and
    ends with "invalid file mode 00" in the patched 3.2.7 and 3.4.1 of distributions.)
    """
    how = ["--no-recursive", "--dirs", "--from0", f"--files-from={listed}", "--ignore-missing-args"]
    return [*how, "--delete-during"] if fileset.delete else how


def trees(fileset: FileSet, listed: str) -> list[str]:
    """Return how the directories in the file ``listed`` are made equal with all below."""
    how = ["--recursive", "--from0", f"--files-from={listed}", "--ignore-missing-args"]
    return [*how, "--delete-during"] if fileset.delete else how


def contents(listed: str) -> list[str]:
    """Return how the content of the files in ``listed`` is compared and repaired."""
    return ["--no-recursive", "--from0", f"--files-from={listed}", "--checksum",
            "--ignore-missing-args"]  # fmt: skip

"""The configuration of the one rsync daemon that a push runs, and rsync's options on both sides.

The daemon speaks over ssh's pipes, offers one module, may only be written to, and has changed its
root to that module's directory before it reads a word about files: ``..``, absolute names and
symbolic links cannot lead out of a root directory, whatever rsync makes of them.  (rsync's own
checks of paths have been wrong often: 33 advisories in 3.5.0 alone; ``use chroot`` without an
inner ``/./`` is untouched by them.)
"""

from __future__ import annotations

from collections.abc import Sequence

from xcat_hamn.files.request import MODULE
from xcat_hamn.files.sets import FileSet

#: Where a file lies that came only in part, beside its place: an image of 10 GB goes on from there.
PARTIAL = ".xcat-hamn-partial"
#: Options that would write into a file in place (readers would see half of it), open a device, or
#: give the sender a say in what is no business of its own.  Unknown ones are ignored by rsync.
REFUSED = (
    "inplace append append-verify write-devices copy-devices fake-super super temp-dir backup"
    " backup-dir compare-dest copy-dest link-dest log-file remove-source-files files-from"
    " keep-dirlinks ignore-errors remove-sent-files munge-links"
)
#: Seconds without a word from the other side after which it is gone.
SILENCE = 300


def configuration(directory: str, log: str, *, delete: bool) -> str:
    """Return rsyncd.conf for pushing into ``directory``; ``delete``: the sender may delete."""
    refused = REFUSED if delete else f"{REFUSED} delete*"
    return f"""\
use chroot = yes
uid = 0
gid = 0
numeric ids = yes
munge symlinks = no
reverse lookup = no
log file = {log}
[{MODULE}]
path = {directory.replace("%", "%%")}
read only = no
write only = yes
list = no
timeout = {SILENCE}
refuse options = {refused}
"""


def copy_options(fileset: FileSet, *, maps: Sequence[str] = ()) -> list[str]:
    """Return the options that every copy and comparison of ``fileset`` has.

    ``maps``: ``--usermap`` and ``--groupmap`` (rsync 3.1.0).
    """
    # By default rsync compares whole seconds, and a file that changed twice in one, to the same
    # size, would keep its first content there for ever; -1 means nanoseconds (rsync 3.1.3).
    options = ["--archive", "--sparse", "--modify-window=-1", f"--partial-dir={PARTIAL}", *maps]
    options += ["--hard-links"] if "links" in fileset.keep else []
    options += ["--acls"] if "acls" in fileset.keep else []
    options += ["--xattrs"] if "xattrs" in fileset.keep else []
    if maps and "acls" in fileset.keep:
        # With incremental recursion rsync (3.1 to 3.5) does not map the ids inside ACLs.
        options.append("--no-inc-recursive")
    options += [f"--exclude={pattern}" for pattern in fileset.excludes]
    return options


def choice(only: Sequence[str]) -> list[str]:
    """Return the filters that let only these names of a root through."""
    return [*(f"--include=/{name}" for name in only), "--exclude=/*"] if only else []

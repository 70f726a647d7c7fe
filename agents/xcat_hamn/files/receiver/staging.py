"""Sets that change as one arrive beside their place; they are put there when all has arrived.

The sender writes into the stage alone.  From there a local rsync with arguments of this node's own
brings it into place: the definition of the set on this node says what is taken, and from where to
where.  It copies links as links and follows none, so what lies in the stage cannot lead it astray.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
from collections.abc import Sequence

from xcat_hamn.files import marks, merge, ports
from xcat_hamn.files.daemon import copy_options
from xcat_hamn.files.locks import take_over
from xcat_hamn.files.patterns import excluded
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver.refusal import Refusal
from xcat_hamn.files.request import Request
from xcat_hamn.files.sets import FileSet, Root
from xcat_hamn.system.files import read_text, remove, write_text
from xcat_hamn.system.runner import Runner

#: Seconds that bringing a set into place may take; sets that change as one are small.
_APPLY = 300.0
#: A hosts file is not larger.
_TEXT = 16 << 20


def _place(places: Places, fileset: FileSet, root: Root) -> str:
    return f"{places.stage(fileset.name)}/{fileset.roots.index(root)}"


def open_stage(places: Places, fileset: FileSet, root: Root, token: str) -> str:
    """Return the directory that a root of the set arrives in; it has not arrived from now on."""
    if not token:
        raise Refusal(ports.REFUSED, f'the file set "{fileset.name}" changes as one: no token came')
    os.makedirs(places.stage(fileset.name), mode=0o700, exist_ok=True)
    os.chmod(places.stage(fileset.name), 0o700)
    directory = _place(places, fileset, root)
    remove(f"{directory}.token")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    return directory


def arrived(places: Places, fileset: FileSet, root: Root, token: str) -> None:
    """Note that the root has arrived whole, in the copy ``token``."""
    write_text(f"{_place(places, fileset, root)}.token", token)


def apply(places: Places, fileset: FileSet, request: Request, here: str) -> dict[str, object]:
    """Bring what has arrived into place; return what changed.  Raises Refusal, HamnError."""
    lock = take_over(places.lock(f"set-{fileset.name}"))
    try:
        roots = _arrived_roots(places, fileset, request, here)
        changed = _all(places, fileset, roots, here, dry=False)
    finally:
        os.close(lock)
    if changed:
        marks.to_disk([root.directory for root in roots])
    if request.until is not None:
        marks.advance(
            places, fileset.name, request.epoch, request.node, request.until, fileset.roots
        )
    return {"changed": len(changed), "names": changed[: ports.NAMES]}


def check(places: Places, fileset: FileSet, here: str) -> dict[str, object]:
    """Compare what has arrived with what is in place; nothing is written."""
    roots = [r for r in fileset.roots if os.path.exists(f"{_place(places, fileset, r)}.token")]
    changed = _all(places, fileset, roots if fileset.staged else [], here, dry=True)
    return {"changed": len(changed), "names": changed[: ports.NAMES]}


def _arrived_roots(places: Places, fileset: FileSet, request: Request, here: str) -> list[Root]:
    roots = []
    for label in request.labels:
        root = next((one for one in fileset.roots if one.label == label), None)
        token = read_text(f"{_place(places, fileset, root)}.token") if root else None
        if root is None or not request.token or token != request.token:
            raise Refusal(
                ports.FAILED,
                f'"{label}" of the file set "{fileset.name}" has not arrived whole on {here}: '
                "nothing of the set was changed; copy it again",
            )
        roots.append(root)
    return roots


def _all(
    places: Places, fileset: FileSet, roots: Sequence[Root], here: str, *, dry: bool
) -> list[str]:
    changed: list[str] = []
    for root in roots:
        source = _place(places, fileset, root)
        if fileset.merge:
            changed += _merge(f"{source}/{root.only[0]}", fileset, root, here, dry=dry)
        else:
            changed += _rsync(source, fileset, root, dry=dry)
    return changed


def _rsync(source: str, fileset: FileSet, root: Root, *, dry: bool) -> list[str]:
    argv = ["rsync", *copy_options(fileset), "--numeric-ids", "--out-format=%i %n"]
    argv += ["--dry-run"] if dry else ["--delay-updates"]
    listed, deleted = "", list[str]()
    if root.only:
        # The directory itself (/etc, /root/.ssh) is none of the set's: only names are given.
        names = _names(source, fileset, root)
        gone = [name for name in _names(root.directory, fileset, root) if name not in names]
        if fileset.delete:
            deleted = [_delete(f"{root.directory}/{name}", dry=dry) for name in gone]
        if not names:
            return deleted
        listed = "\0".join(names)
        argv += ["--recursive", "--files-from=-", "--from0", "--force"]
        argv += ["--delete"] if fileset.delete else []
    elif fileset.delete:
        argv.append("--delete")
    if not dry and not os.path.isdir(root.directory):
        os.mkdir(root.directory, 0o755 if root.only else 0o700)
    said = Runner().run(
        [*argv, "--", f"{source}/", f"{root.directory}/"], timeout=_APPLY, input=listed
    )
    said.require(f'the file set "{fileset.name}" cannot be brought into {root.directory}')
    return deleted + [line for line in said.stdout.splitlines() if line]


def _delete(path: str, *, dry: bool) -> str:
    """Delete what has gone from the source; a link is deleted, not followed."""
    if not dry:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    return f"*deleting   {path}"


def _names(directory: str, fileset: FileSet, root: Root) -> list[str]:
    """Return the names in ``directory`` that are of the set, as names of ``root``."""
    try:
        found = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [
        name
        for name in found
        if any(fnmatch.fnmatchcase(name, one) for one in root.only)
        and not excluded(fileset.excludes, os.fsencode(name))
    ]


def _merge(source: str, fileset: FileSet, root: Root, here: str, *, dry: bool) -> list[str]:
    target = f"{root.directory}/{root.only[0]}"
    try:
        status = os.lstat(source)
    except FileNotFoundError:
        return []  # the source has none, or one that a program manages
    if not stat.S_ISREG(status.st_mode) or status.st_size > _TEXT:
        raise Refusal(ports.REFUSED, f"what came for {target} is no plain file of a sensible size")
    received, current = read_text(source) or "", read_text(target)
    why = merge.unusable(received, fileset.merge)
    if why:
        raise Refusal(ports.REFUSED, f"what came for {target} is not used: {why}")
    if merge.managed(target, current):
        return []
    wanted = merge.merged(fileset.merge, received, current or "", here)
    if wanted == current:
        return []
    if not dry:
        write_text(target, wanted, 0o644, durable=True)
    return [f"merged {target}"]

"""One push: a daemon of rsync over this process's pipes, shut into one directory and watched."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import signal
import time

from xcat_hamn.files import daemon, marks, ports
from xcat_hamn.files.locks import name_group, take_over
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver import staging
from xcat_hamn.files.receiver.refusal import Refusal
from xcat_hamn.files.request import Request
from xcat_hamn.files.sets import FileSet, Root
from xcat_hamn.system.files import remove, write_text
from xcat_hamn.system.runner import PATH, find_executable

#: A copy must not take the last of a file system to which others (a database) write as well:
#: of each this part, and never more than so many bytes.
RESERVE_PART = 50
RESERVE_MOST = 512 << 20
#: Milliseconds between two looks at the room that is left, and where the end of a process can only
#: be asked for.
_LOOK_MS = 250
_SHORT_MS = 20
#: Bytes of the daemon's log, which lies in memory; what matters in it is told to the sender.
_LOG = 1 << 20
#: Seconds that rsync may take to end.
_PATIENCE = 5.0


def push(places: Places, fileset: FileSet, request: Request, here: str) -> None:
    """Let rsync write into the root (or its stage) that ``request`` names.  Raises Refusal."""
    root = root_of(fileset, request.label, here)
    if fileset.staged:
        directory = staging.open_stage(places, fileset, root, request.token)
    else:
        directory = root.directory
        why = marks.loss(_only_mounts(marks.read_mark(places, fileset.name)), [root])
        if why:
            raise Refusal(ports.REFUSED, f"{here}: {why}")
        if not os.path.isdir(directory):
            os.mkdir(directory, 0o755)
    lock = take_over(places.lock(f"set-{fileset.name}"))
    status = _daemon(places, fileset, directory, lock, here)
    if status:
        raise SystemExit(status)
    if fileset.staged:
        staging.arrived(places, fileset, root, request.token)
    elif request.until is not None:
        marks.advance(
            places, fileset.name, request.epoch, request.node, request.until, fileset.roots
        )


def _only_mounts(mark: marks.Mark) -> marks.Mark:
    """Return ``mark`` without the memory of files: a receiver's directory may well be empty."""
    return marks.Mark(mounted=mark.mounted)


def root_of(fileset: FileSet, label: str, here: str) -> Root:
    """Return the root called ``label``; raises Refusal when it cannot be written on this node."""
    root = next((one for one in fileset.roots if one.label == label), None)
    if root is None:
        raise Refusal(
            ports.REFUSED,
            f'"{label}" is no path of the file set "{fileset.name}" on {here}: the definitions '
            "must be the same on both nodes",
        )
    if not root.directory:
        raise Refusal(
            ports.REFUSED,
            f'"{label}" of the file set "{fileset.name}" is nowhere on {here} (its user does not '
            "exist): install the package that creates it",
        )
    if not os.path.isdir(os.path.dirname(root.directory)):
        raise Refusal(
            ports.REFUSED,
            f"{os.path.dirname(root.directory)} does not exist on {here}, where {root.directory} "
            "is to be copied to: make it, or mount it",
        )
    return root


def _daemon(places: Places, fileset: FileSet, directory: str, lock: int, here: str) -> int:
    """Run the daemon to its end and return its exit code.  Raises Refusal when room runs out."""
    if os.geteuid() != 0:
        raise Refusal(ports.REFUSED, f"the copy is received by root alone, on {here}")
    rsync = find_executable("rsync")
    configuration = f"{places.run}/rsyncd.{os.getpid()}.conf"
    log = f"{places.run}/rsyncd.log"
    delete = fileset.delete or fileset.staged
    write_text(configuration, daemon.configuration(directory, log, delete=delete))
    _keep_small(log)
    os.set_inheritable(lock, True)
    reserve = _reserve(directory, here)
    pid = 0
    try:
        _require_room(directory, reserve, here)
        pid = os.posix_spawn(
            rsync,
            [rsync, "--server", "--daemon", f"--config={configuration}", "."],
            {"PATH": PATH, "LC_ALL": "C", "HOME": "/", "TZ": os.environ.get("TZ", "")},
            setpgroup=0,
        )
        name_group(lock, pid)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda received, _frame: _end(pid, received))
        status = _wait(pid, directory, reserve, here)
        if status:
            _require_room(directory, reserve, here)
        return status
    except Refusal:
        _outlive(pid)
        _drop_partial(directory)
        raise
    finally:
        remove(configuration)


def _outlive(group: int) -> None:
    """Wait until all of rsync has ended: its second process may still be keeping a part."""
    end = time.monotonic() + _PATIENCE
    with contextlib.suppress(ProcessLookupError):
        while group:
            os.killpg(group, 0 if time.monotonic() < end else signal.SIGKILL)
            time.sleep(_SHORT_MS / 1000)


def _keep_small(log: str) -> None:
    """Begin the daemon's log anew when it is long: it has a few lines for each push."""
    with contextlib.suppress(FileNotFoundError):
        if os.stat(log).st_size > _LOG:
            os.truncate(log, 0)


def _drop_partial(directory: str) -> None:
    """Give the room of files that came only in part back to others; they start over later."""
    for above, names, _files in os.walk(directory):
        if daemon.PARTIAL in names:
            shutil.rmtree(os.path.join(above, daemon.PARTIAL), ignore_errors=True)
            names.remove(daemon.PARTIAL)


def _end(pid: int, number: int) -> None:
    """End rsync's whole group, when this process is told to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _wait(pid: int, directory: str, reserve: int, here: str) -> int:
    poll, pidfd = select.poll(), _watched(pid)
    if pidfd >= 0:
        poll.register(pidfd, select.POLLIN)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) & 0xFF
        try:
            _require_room(directory, reserve, here)
        except Refusal:
            _end(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
            raise
        poll.poll(_LOOK_MS if pidfd >= 0 else _SHORT_MS)


def _watched(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1  # AIX, Linux before 5.3


def _reserve(directory: str, here: str) -> int:
    status = os.statvfs(directory)
    if status.f_flag & os.ST_RDONLY:
        raise of_system(OSError(errno.EROFS, "", directory), here)
    return min(status.f_blocks * status.f_frsize // RESERVE_PART, RESERVE_MOST)


def _require_room(directory: str, reserve: int, here: str) -> None:
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if status.f_blocks and free < reserve:
        raise Refusal(
            ports.FULL,
            f"the file system of {directory} on {here} has {free >> 20} MB left, and the last "
            f"{reserve >> 20} MB are left to others: make room there",
        )
    if status.f_files and not status.f_favail:
        raise Refusal(
            ports.FULL, f"the file system of {directory} on {here} has no inode left: make room"
        )


def of_system(problem: OSError, here: str) -> Refusal:
    """Return the refusal that an error of the system is."""
    where = os.fsdecode(problem.filename) if problem.filename else "a file"
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(ports.FULL, f"{where} cannot be written on {here}, no room: make room there")
    if problem.errno == errno.EROFS:
        return Refusal(
            ports.READ_ONLY,
            f"{where} cannot be written on {here}, its file system is read-only: look at the "
            "kernel's messages there, repair it and mount it anew",
        )
    return Refusal(ports.FAILED, f"{where} on {here}: {problem.strerror}")

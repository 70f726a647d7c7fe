"""The one door to the host: processes, signals, locks, and the sentence for a host that cannot.

Standard library only: the lab must run on a machine on which nothing was prepared.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

#: Where images are kept between runs, and where the writable layers of running nodes are.
CACHE = "/var/cache/xcat-hamn-lab"
STATE = "/var/lib/xcat-hamn-lab"

#: Every process that the lab leaves running on the host carries this variable, with the lab's
#: name. Whatever carries it is killed by `down`, so it is no name that a person would export.
MARK = "XCAT_HAMN_LAB_PROCESS_OF"

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    """The lab could not do what was asked; the text is one sentence for a person."""


class CannotRun(LabError):
    """This host cannot run the lab at all (exit code 77 of the command)."""


class CommandFailed(LabError):
    """A checked command ended with another code than 0, or not in time.

    `returncode` is None when the deadline ended it.
    """

    def __init__(
        self, argv: Sequence[str], returncode: int | None, stdout: str, stderr: str, where: str = ""
    ) -> None:
        self.argv = list(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        ended = "did not end in time" if returncode is None else f"ended with code {returncode}"
        said = (stderr.strip() or stdout.strip())[-4000:]
        at = f" on {where}" if where else ""
        super().__init__(f"'{' '.join(argv)}'{at} {ended}: {said or 'no output'}")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every process of the lab: nothing is inherited by accident."""
    clean = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    clean.update(extra or {})
    return clean


def call(
    argv: Sequence[str],
    *,
    timeout: float | None = 60,
    check: bool = True,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    where: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end and return what it said, as text.

    The process gets its own group, and the whole group is killed after `timeout` seconds.
    Raises CommandFailed when it does not end in time or, with `check`, when its code is not 0.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env) if env is not None else environment(),
        start_new_session=True,
    )
    try:
        out, err = process.communicate(data, timeout)
    except subprocess.TimeoutExpired:
        kill_group(process)
        out, err = process.communicate()
        raise CommandFailed(argv, None, _text(out), _text(err), where) from None
    except BaseException:
        kill_group(process)
        process.wait()
        raise
    if check and process.returncode != 0:
        raise CommandFailed(argv, process.returncode, _text(out), _text(err), where)
    return subprocess.CompletedProcess(list(argv), process.returncode, _text(out), _text(err))


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in its own session, with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def require() -> None:
    """Raise CannotRun, with what to do, unless this host can build images and boot nodes."""
    if os.geteuid() != 0:
        raise CannotRun("The lab boots whole machines and needs root: run it as root.")
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        raise CannotRun(
            "The lab is made from Debian packages, and this host has no apt and dpkg: "
            "run it on Debian 12 or 13."
        )
    missing = [
        tool
        for tool in ("systemd-nspawn", "mmdebstrap", "ip", "nsenter", "unshare", "mount")
        if not shutil.which(tool, path=PATH)
    ]
    if missing:
        raise CannotRun(
            f"The host lacks {', '.join(missing)}: "
            "run tests/lab/labkit/prerequisites, which installs what the lab needs."
        )


def require_overlay(trial: str) -> None:
    """Try in the new folder `trial` what a node's boot will do; raise CannotRun if it fails."""
    os.makedirs(trial)
    try:
        for folder in ("lower", "upper", "work"):
            os.mkdir(f"{trial}/{folder}")
        layers = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", layers, f"{trial}/lower"]
        call(["unshare", "--mount", "--net", "--propagation", "private", "--", *mount])
    except CommandFailed as error:
        raise CannotRun(
            f"This host does not let root mount an overlay on {STATE} in a namespace of its own "
            f"({error.stderr.strip()}): use a machine or a privileged container whose {STATE} is "
            "on a disk, not itself on an overlay."
        ) from None
    finally:
        remove_tree(trial)


def make_room(instances: int) -> None:
    """See to it that root may watch files in so many more places.

    A systemd that gets no inotify instance hangs in its boot without a word. Linux gives each user
    128, of which a lab takes about 21 (measured), so the sixth lab would hang.
    """
    path = "/proc/sys/fs/inotify/max_user_instances"
    with open(path, encoding="ascii") as stream:
        limit = int(stream.read())
    used = 0
    for pid in processes():
        with contextlib.suppress(OSError):
            for handle in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    used += os.readlink(f"/proc/{pid}/fd/{handle}") == "anon_inode:inotify"
    if used + instances <= limit:
        return
    say(f"raising fs.inotify.max_user_instances from {limit} to {2 * limit} until the next reboot")
    with open(path, "w", encoding="ascii") as stream:
        stream.write(str(2 * limit))


@contextlib.contextmanager
def locked(path: str, waiting: str = "") -> Iterator[None]:
    """Hold the lock file `path`; a second holder prints `waiting` and waits for the first.

    The file is removed at the end, so nothing stays behind; that is why a lock that was won on a
    file that another holder has removed meanwhile is tried again.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                os.close(handle)
                raise
            if waiting:
                say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _same_file(handle, path):
            break
        os.close(handle)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(handle)


def _same_file(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def remove_tree(path: str) -> None:
    """Remove a folder with all below it, but never through a mount.

    An image under construction has the host's own /dev, /proc and /sys mounted in it.
    Raises LabError, with nothing removed, when something is mounted there and stays so.
    """
    if not os.path.isdir(path):
        return
    for mount in reversed(_mounted_below(path)):
        call(["umount", "--lazy", mount], check=False)
    left = _mounted_below(path)
    if left:
        raise LabError(f"{left[0]} is still mounted: unmount it, then try again.")
    shutil.rmtree(path)


def _mounted_below(path: str) -> list[str]:
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        points = [line.split()[1] for line in stream]
    return [point for point in points if point == path or point.startswith(f"{path}/")]


def processes() -> list[int]:
    """Return all processes but this one."""
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]


def marked(pid: int, mark: str) -> bool:
    """Return whether the lab left this process running under this mark."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return f"{MARK}={mark}".encode() in stream.read().split(b"\0")
    except OSError:
        return False


def started(pid: int) -> str | None:
    """Return the start time of a living process, in clock ticks; None for a dead one.

    Together with the number it names one process for ever.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def wait_for(
    condition: Callable[[], object], timeout: float, interval: float = 0.1, what: str = "it"
) -> None:
    """Wait until `condition` returns something true; raise LabError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"Waited {timeout:.0f} s in vain for {what}.")
        time.sleep(interval)


def say(text: str) -> None:
    """Tell the person at the terminal what happens; on standard error, as progress is no result."""
    os.write(2, f"lab: {text}\n".encode())

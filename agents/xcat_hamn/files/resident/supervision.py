"""Starting the resident process, and ending it so that nothing of it copies any more."""

from __future__ import annotations

import glob
import os
import signal

from xcat_hamn.errors import CommandFailed, CommandTimeout, MissingTool
from xcat_hamn.files.resident import glance
from xcat_hamn.system.files import read_text, remove
from xcat_hamn.system.processes import signal_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.files.resident.places import Whereabouts
    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Runner

#: Seconds from the start of the process until it holds its lock, and from SIGTERM until SIGKILL
#: (``process._PATIENCE`` for each lane, and its connections).
_BEGINNING, _ENDING = 10.0, 10.0
#: Where the package has the program; a source tree has it beside the agents.
_INSTALLED = "/usr/libexec/xcat-hamn/xcat-filesyncd"
_IN_TREE = "../../../../bin/xcat-filesyncd"


def program() -> str:
    """Return the path of the resident process's program."""
    beside = os.path.abspath(os.path.join(os.path.dirname(__file__), _IN_TREE))
    return beside if os.path.exists(beside) else _INSTALLED


def start(where: Whereabouts, options: Sequence[str], runner: Runner, deadline: Deadline) -> int:
    """Start the process with ``options`` and return its id once it holds its lock.

    Raises MissingTool, and CommandFailed with its last words.
    """
    os.makedirs(where.directory, mode=0o755, exist_ok=True)
    words = f"{where.directory}/files.words"
    remove(words)
    argv = [program(), "--instance", where.instance, *options]
    if where.under:
        argv += ["--under", where.under]
    pid = runner.start_daemon(argv, user="root", log_file=words)

    def settled() -> bool:
        return glance.alive(where) != 0 or _has_ended(pid)

    deadline.sooner(_BEGINNING).holds(settled)
    living = glance.alive(where)
    if not living:
        said = (read_text(words) or "").strip().splitlines()
        raise CommandFailed(
            f"the process that copies the files does not start ({said[-1] if said else 'silent'}): "
            f"look at {where.log}"
        )
    return living


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def end(where: Whereabouts, run: str, runner: Runner, deadline: Deadline) -> None:
    """End the process, the copies that it began and the connections that it left open.

    ``run``: ``Places.run``.  Fine when nothing runs.  Raises CommandFailed when something still
    does.
    """
    leader = glance.alive(where)
    if leader:
        signal_process(leader, signal.SIGTERM)
        signal_process(leader, signal.SIGCONT)
        ended = deadline.sooner(min(_ENDING, deadline.left() / 2))
        if not ended.holds(lambda: not glance.alive(where)):
            signal_process(leader, signal.SIGKILL)
    # The lock's file names the process that was killed, too; all that it started is of its session.
    leader = leader or _last_leader(where)

    def gone() -> bool:
        left = _session(leader)
        for pid in left:
            signal_process(pid, signal.SIGKILL)
        return not left and not glance.alive(where)

    if not deadline.sooner(_ENDING).holds(gone):
        raise CommandFailed(
            f"the process that copies the files ({leader}), or a copy that it began, does not end: "
            "look at what it waits for (a disk, a mount)"
        )
    _hang_up(run, runner)
    remove(where.brief)
    remove(where.report)


def _last_leader(where: Whereabouts) -> int:
    """Return the id of the process that died with its lock, 0 when another one has it by now."""
    text = (read_text(where.lock) or "").strip()
    pid = int(text) if text.isdecimal() else 0
    return pid if _fields(str(pid))[:1] in ([], ["Z"]) else 0


def _fields(pid: str) -> list[str]:
    """Return state, parent, group, session and so on of a process (proc(5)); [] for none."""
    try:
        text = read_text(f"/proc/{pid}/stat") or ""
    except OSError:
        return []  # it has ended meanwhile
    return text.rpartition(")")[2].split()


def _session(leader: int) -> list[int]:
    """Return the processes of the session that ``leader`` leads or led; no zombies."""
    found = []
    for name in os.listdir("/proc") if leader else ():
        fields = _fields(name) if name.isdecimal() else []
        if len(fields) > 3 and fields[3] == str(leader) and fields[0] not in "ZX":
            found.append(int(name))
    return found


def _hang_up(run: str, runner: Runner) -> None:
    """End the ssh connections whose sockets were left behind."""
    for path in glob.glob(f"{glob.escape(run)}/ssh-*.session.conf"):
        base = path[: -len(".session.conf")]
        if not os.path.exists(base):
            continue
        try:
            runner.run(["ssh", "-F", path, "-O", "exit", "peer"], timeout=5)
        except (CommandTimeout, MissingTool):
            continue  # nothing runs over it any more

"""Starting and stopping the resident process, for the agent of the resource."""

from __future__ import annotations

import os
import signal

from xcat_hamn.errors import CommandFailed
from xcat_hamn.files.resident import glance
from xcat_hamn.system.files import read_text
from xcat_hamn.system.processes import SIGKILL, signal_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xcat_hamn.files.resident.places import Whereabouts
    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Runner

PROGRAM = "/usr/libexec/xcat-hamn/xcat-filesyncd"


def start(
    runner: Runner,
    where: Whereabouts,
    deadline: Deadline,
    *,
    node: str,
    peer: str,
    address: str,
    port: int = 22,
    values: Mapping[str, str] | None = None,
    program: str = PROGRAM,
) -> None:
    """Start the process that copies from ``node`` to ``peer``, and wait until it answers.

    Fine when it runs already.  ``values``: of the file sets (``setfiles.load``).  Raises
    CommandFailed with its last words when it ends instead, DeadlineExceeded, MissingTool.
    """
    if glance.alive(where):
        return
    os.makedirs(where.directory, mode=0o755, exist_ok=True)
    output = f"{where.directory}/files.out"
    with open(output, "w", encoding="utf-8"):
        pass  # the last words of this start, not of an earlier one
    argv = [program, "--instance", where.instance, "--node", node, "--peer", f"{peer}={address}"]
    argv += ["--port", str(port), "--under", where.under]
    for name, value in (values or {}).items():
        argv += ["--value", f"{name}={value}"]
    pid = runner.start_daemon(argv, user="root", log_file=output)

    def answers() -> bool:
        if os.path.exists(where.socket) and glance.alive(where):
            return True
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            words = " ".join((read_text(output) or "it said nothing").split())
            raise CommandFailed(
                f"the process that copies the files ended as soon as it was started: {words}; "
                f"look at {where.log}"
            )
        return False

    deadline.wait_for(answers, "the start of the process that copies the files")


def stop(where: Whereabouts, deadline: Deadline) -> None:
    """End the process with all that it started; fine when none runs.

    It is asked, and killed when half of the time is over.  Raises DeadlineExceeded.
    """
    pid = glance.alive(where)
    if not pid:
        return
    signal_process(pid, signal.SIGTERM)
    # A stopped process heeds nothing but SIGKILL and SIGCONT.
    signal_process(pid, signal.SIGCONT)
    if not deadline.sooner(deadline.left() / 2).holds(lambda: not glance.alive(where)):
        signal_process(pid, SIGKILL)
    deadline.wait_for(
        lambda: not glance.alive(where), "the end of the process that copies the files"
    )

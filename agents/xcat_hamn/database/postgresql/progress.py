"""How far a long-running program of PostgreSQL's is, in a file that ``xcat-hamn`` reads.

pg_basebackup and pg_rewind report their progress in lines on standard error, about once a second,
for example ``12345/67890 kB (18%), 0/1 tablespace``.
"""

from __future__ import annotations

import os

from xcat_hamn.ocf.context import RUN_DIRECTORY
from xcat_hamn.system.files import read_text, remove
from xcat_hamn.system.processes import SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Runner

_POLL_SECONDS = 0.05


def path_of(instance: str) -> str:
    """Return where the agent of resource ``instance`` writes."""
    return f"{RUN_DIRECTORY}/{instance}/progress"


class Progress:
    """The output of the program that runs now, or ran last, at ``path``."""

    def __init__(self, path: str) -> None:
        self._path = path

    def run(self, runner: Runner, argv: Sequence[str], user: str, deadline: Deadline) -> int:
        """Run ``argv`` as ``user`` to its end and return its exit code.

        Raises MissingTool, or DeadlineExceeded with the program and its children killed.
        """
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        remove(self._path)
        pid = runner.start_daemon(argv, user=user, log_file=self._path)
        status: list[int] = []

        def ended() -> bool:
            done, said = os.waitpid(pid, os.WNOHANG)
            if done:
                status.append(said)
            return bool(done)

        try:
            what = f"the end of {os.path.basename(argv[0])}"
            deadline.wait_for(ended, what, every=_POLL_SECONDS)
        finally:
            if not status:
                os.killpg(pid, SIGKILL)
                os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status[0])

    def text(self) -> str:
        """Return all that the program has written so far."""
        return read_text(self._path) or ""

    def last_line(self) -> str:
        """Return the last line of it, empty when there is none."""
        lines = [line.strip() for line in self.text().replace("\r", "\n").splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def last_words(self) -> str:
        """Return the last line of it, for use inside a sentence."""
        return self.last_line() or "it printed nothing"

    def clear(self) -> None:
        """Forget the last program."""
        remove(self._path)

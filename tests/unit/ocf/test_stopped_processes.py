"""A process that was stopped heeds no signal but SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess

from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.processes import is_stopped


def test_a_stopped_process_is_told_from_a_running_one():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not is_stopped(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        assert Deadline(5).holds(lambda: is_stopped(process.pid))
        process.kill()
    assert not is_stopped(process.pid)

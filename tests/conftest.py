"""For all tests: signals that arrive, workers that tidy up, and second tries where they are fair.

A test in the lab is played once more when it fails, and the summary of the run names it (RERUN):
three booted machines on a busy host miss a wait now and then. What must never happen even once
gets no second try: a commit that is missing, two nodes that write or answer.
"""

import contextlib
import re
import signal

import pytest

#: Seconds that a worker has to take its labs down when a run is ended.
_LAST_SECONDS = 60

#: What tests of it are called, and what the audits say of it.
_NEVER_ONCE = re.compile(r"commit|lose|second_primary|two_active|lead_alone")
_NEVER_SAID = r"commits are missing|writable on|answers? for|nothing was lost"


def pytest_configure():
    with contextlib.suppress(ImportError):
        from xdist.workermanage import NodeManager

        NodeManager.EXIT_TIMEOUT = _LAST_SECONDS
    # A run in the background of a shell without job control, or under nohup, inherits these as
    # ignored, and so would every process that a test starts and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    # An ended run takes its labs down, in this process and in those of its workers.
    signal.signal(signal.SIGTERM, _interrupt)


@pytest.hookimpl(trylast=True)  # the lab's conftest marks more of them
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("lab") and not _NEVER_ONCE.search(item.name):
            item.add_marker(pytest.mark.flaky(reruns=1, rerun_except=_NEVER_SAID))


def _interrupt(number, frame):
    raise KeyboardInterrupt

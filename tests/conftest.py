"""For all tests: the signals that a test sends must arrive, however the test run was started."""

import contextlib
import signal

#: Seconds that a worker has to take its labs down when a run is ended.
_LAST_SECONDS = 60


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


def _interrupt(number, frame):
    raise KeyboardInterrupt

"""The stage that all scenarios of a run share, and which of them a run plays."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

# labkit finds the tree by its own path, which must have no ".." in it.
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "lab")))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit import CannotRun, Lab
from scenariokit.stage import Stage

#: What was measured, for the end of the run.
_MEASURED: list[str] = []


@pytest.fixture
def measured() -> list[str]:
    """Give the list of lines that are printed when all tests are done."""
    return _MEASURED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured: that is part of the result."""
    if _MEASURED:
        terminalreporter.section("times of takeovers")
        for line in _MEASURED:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Give the configured cluster, in a lab of its own: scenarios break everything in it."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    release = os.environ.get("RELEASE") or "bookworm"
    before = signal.signal(signal.SIGTERM, interrupt)
    lab = Lab(f"scenarios-{os.getpid()}", release)
    try:
        lab.up(mine=True)
        made = Stage(lab)
        try:
            made.make()
            yield made
        finally:
            made.end()
    except CannotRun as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        lab.down()
        signal.signal(signal.SIGTERM, before)

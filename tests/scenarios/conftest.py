"""The stage that all scenarios of a run share, and which of them a run plays."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

import pytest

# labkit finds the tree by its own path, which must have no ".." in it.
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "lab")))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit.own import own_lab
from scenariokit.stage import Stage

#: The property of a test's report that holds what it measured: reports come from all workers.
_MEASURED = "measured"


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Give what takes a line that is printed when all tests are done."""
    return lambda line: record_property(_MEASURED, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured: that is part of the result."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [
        text
        for report in reports
        for name, text in report.user_properties
        if name == _MEASURED and report.when == "call"
    ]
    if lines:
        terminalreporter.section("times of takeovers")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Give the configured cluster, in a lab of its own: scenarios break everything in it."""
    with _staged(os.environ.get("DATABASE") or "postgresql") as made:
        yield made


@pytest.fixture(scope="session")
def db2_stage() -> Iterator[Stage]:
    """Give one whose database is the Db2 stand-in, whatever DATABASE says."""
    with _staged("db2") as made:
        yield made


@contextlib.contextmanager
def _staged(database: str) -> Iterator[Stage]:
    release = os.environ.get("RELEASE") or "bookworm"
    with own_lab(f"scenarios-{database}", release) as lab:
        made = Stage(lab, database)
        try:
            made.make()
            yield made
        finally:
            made.end()

"""Fixtures of the tests that need booted nodes, and what a failed one leaves to look at."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit import Lab, LabError
from labkit import cluster as clusterkit
from labkit.own import own_lab

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(scope="session")
def release() -> str:
    """Return the Debian release that the nodes run, from the environment variable RELEASE."""
    return os.environ.get("RELEASE") or "bookworm"


@pytest.fixture(scope="session")
def lab(release: str) -> Iterator[Lab]:
    """Give the lab that all tests of this run share; nodes mn1, mn2 and cn1 are up.

    A test that takes power or a cable away uses `mended` and leaves the rest to it.
    """
    with own_lab("test", release) as made:
        yield made


@pytest.fixture
def mended(lab: Lab) -> Iterator[Lab]:
    """Give the lab to a test that crashes nodes or cuts cables; all is whole again after it."""
    lab.mend()
    yield lab
    lab.mend()


@pytest.fixture
def cluster(lab: Lab) -> Lab:
    """Give the lab with a fresh, empty cluster of mn1 and mn2, both online."""
    lab.mend()
    clusterkit.make(lab)
    return lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what boots nodes, so that `-m 'not lab'` leaves it out."""
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep the journals of a failed test: the lab itself is gone when a person looks."""
    report = yield
    used = getattr(item, "funcargs", {}).get("lab")
    if report.failed and isinstance(used, Lab):  # type: ignore[attr-defined]
        folder = f"{_REPOSITORY}/build/lab-logs/{item.name}"
        os.makedirs(folder, exist_ok=True)
        for node in used.nodes.values():
            with contextlib.suppress(LabError), open(f"{folder}/{node.name}.log", "w") as stream:
                stream.write(node.journal(f"--since=@{int(time.time() - call.duration) - 1}"))
        report.sections.append(("journals of the nodes", folder))  # type: ignore[attr-defined]
    return report

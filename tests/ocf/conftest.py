from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from machines import ATTRD_UPDATER_PATH, Machine, addresses, join
from stage import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The agents, staged once per test session in a directory that everyone may read."""
    root = Path(tempfile.mkdtemp(prefix="xcat-hamn-stage."))
    try:
        yield Stage(root)
    finally:
        shutil.rmtree(root)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two machines, mn1 and mn2, on one segment with the addresses of the lab's nodes."""
    if os.geteuid() != 0:
        pytest.skip("needs root: makes network, mount and UTS namespaces")
    if not os.path.exists(ATTRD_UPDATER_PATH):
        pytest.skip("needs the package pacemaker-cli-utils")
    machines: list[Machine] = []
    try:
        for name in ("mn1", "mn2"):
            machines.append(Machine(tmp_path, name))
        one, two = machines
        join(one, two)
        addresses(one, "10.11.0.11/24", "fd11::11/64")
        addresses(two, "10.11.0.12/24", "fd11::12/64")
        yield one, two
    finally:
        for machine in machines:
            machine.close()

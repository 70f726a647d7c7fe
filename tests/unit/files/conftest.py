"""Two nodes with a real sshd and rsync between them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from two_nodes import Pair, can_run


@pytest.fixture
def pair():
    """Give mn1 as the source and mn2 as the replica."""
    why = can_run()
    if why:
        pytest.skip(why)
    # pytest's own directories are too deep for the path of a socket.
    with tempfile.TemporaryDirectory(prefix="xcat-files-") as top:
        made = Pair(Path(top))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def pytest_addoption(parser):
    parser.addoption("--many-files", type=int, default=2000, help="files of the set of very many")

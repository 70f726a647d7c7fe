"""The lab of a test run, or of a module that breaks what others need: up before, down after."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from labkit.host import CannotRun
from labkit.lab import Lab


@contextlib.contextmanager
def own_lab(name: str, release: str) -> Iterator[Lab]:
    """Give a lab of this process, NAME-PID, with bare nodes; the test fails where none can run."""
    made = Lab(f"{name}-{os.getpid()}", release)
    try:
        made.up(mine=True)
    except CannotRun as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield made
    finally:
        made.down()
